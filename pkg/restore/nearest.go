package restore

import (
	"context"
	"errors"

	"github.com/netsy-io/netsy/pkg/record"
)

// nearest finds the revisions nearest to the target that can be reached. Everything is
// read for it, more than once: it is done only when the target can't be reached.
func (s *search) nearest(ctx context.Context) (below, above *Point, err error) {
	// Of what can be reached, the first that is beyond the target ...
	err = s.survey(ctx, func(r *record.Record) {
		if s.o.Target.beyond(r) && (above == nil || r.Revision < above.Revision) {
			above = pointOf(r)
		}
	})
	if err != nil {
		return nil, nil, err
	}
	// ... and the last before that.
	err = s.survey(ctx, func(r *record.Record) {
		before := above == nil || r.Revision < above.Revision
		if before && (below == nil || r.Revision > below.Revision) {
			below = pointOf(r)
		}
	})
	return below, above, err
}

// survey shows every record at whose revision a history could end.
func (s *search) survey(ctx context.Context, visit func(*record.Record)) error {
	for _, p := range append(s.points[:len(s.points):len(s.points)], point{}) {
		w := s.way(p)
		var seen []record.Record // without keys and values: until it is known that they count
		var way *wayError
		err := w.follow(ctx, func(r *record.Record) error {
			if r.Revision > w.base.purged {
				seen = append(seen, record.Record{Revision: r.Revision, CreatedAt: r.CreatedAt})
			}
			return nil
		}, func(record.Revision) bool { return false })
		if err != nil && !errors.As(err, &way) {
			return err
		}
		if w.run == nil {
			continue // the base isn't sound
		}
		for i := range seen {
			if seen[i].Revision <= w.run.Proven() {
				visit(&seen[i])
			}
		}
	}
	return nil
}
