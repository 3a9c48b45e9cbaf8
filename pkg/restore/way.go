package restore

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/netsy-io/netsy/pkg/bucket"
	"github.com/netsy-io/netsy/pkg/history"
	"github.com/netsy-io/netsy/pkg/objectlog"
	"github.com/netsy-io/netsy/pkg/record"
)

// way is the history from one point on, as far as it can be followed.
type way struct {
	s      *search
	base   point
	state  *history.Checker
	run    *history.Run
	chunks int
	broken error // why it can't be followed further, beside what the run says
	read   int64
}

func (s *search) way(p point) *way { return &way{s: s, base: p} }

// why says what ended the way.
func (w *way) why() error {
	switch {
	case w.broken != nil:
		return w.broken
	case w.run.Err() != nil:
		return w.run.Err()
	}
	return errors.New("nothing proves what follows")
}

var errEnough = errors.New("enough was read")

// follow passes the base's records and those of the chunks behind it to fn, in order.
// Those of chunks count only as far as the run is proven in the end. It stops when done
// says so of what is proven, at the end of the log, or where the chain breaks, which is no
// error; an unsound base is a wayError.
func (w *way) follow(ctx context.Context, fn func(*record.Record) error, done func(proven record.Revision) bool) error {
	w.state = history.NewChecker(0)
	if w.base.pos.Revision > 0 {
		if err := w.readBase(ctx, fn); err != nil {
			return err
		}
	}
	w.state.Strict()
	start, _ := w.state.Of([]byte(record.EpochStartKey))
	var witnesses []record.Pos
	for _, p := range w.s.points {
		witnesses = append(witnesses, p.pos)
	}
	w.run = history.NewRun(w.base.pos, start.Revision, w.s.freed, witnesses)
	if done(w.run.Proven()) {
		return nil
	}
	err := bucket.ReadChunks(ctx, w.s.o.Source, w.files(), func(c *bucket.Chunk) error {
		if err := w.chunk(c, fn); err != nil {
			return err
		}
		if w.broken != nil || w.run.Err() != nil || done(w.run.Proven()) {
			return errEnough
		}
		return nil
	})
	switch {
	case errors.Is(err, errEnough):
		return nil
	case err != nil:
		return err
	}
	_ = w.run.End() // kept, see judge
	return nil
}

func (w *way) readBase(ctx context.Context, fn func(*record.Record) error) error {
	r, err := w.s.snapshots.Open(ctx, w.base.pos.Revision)
	if err != nil {
		return unsound(err)
	}
	defer r.Close()
	for n := 0; ; n++ {
		rec, err := r.Next()
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return unsound(err)
		}
		if n == 0 {
			w.state = history.NewSource(r.Header().Purged, &rec)
			if w.state.Loose() { // what it leaves out isn't known: only its end can be restored
				w.base.purged = w.base.pos.Revision - 1
			}
		}
		if err := w.take(&rec, fn); err != nil {
			return err
		}
	}
}

// take passes one record on, and refuses one that contradicts what was before it.
func (w *way) take(r *record.Record, fn func(*record.Record) error) error {
	if err := w.state.Add(r); err != nil {
		return noWay("%w; netsyctl verify tells more", err)
	}
	if w.read++; w.read%10_000 == 0 {
		w.s.o.Progress(Progress{From: w.base.String(), Records: w.read})
	}
	return fn(r)
}

// unsound tells a base that can't be used from other errors.
func unsound(err error) error {
	if objectlog.Damaged(err) || bucket.Gone(err) {
		return noWay("%w", err)
	}
	return fmt.Errorf("restore: %w", err)
}

// files are the chunks behind the base; the last one before it as well, if it goes beyond
// it or may do so.
func (w *way) files() []bucket.File {
	all := w.s.contents.Chunks
	i := 0
	for i < len(all) && all[i].Revision <= w.base.pos.Revision {
		i++
	}
	if i > 0 && (i == len(all) || all[i].Revision != w.base.pos.Revision+1) {
		i--
	}
	return all[i:]
}

// chunk takes the next slot.
func (w *way) chunk(c *bucket.Chunk, fn func(*record.Record) error) error {
	switch {
	case c.Err != nil:
		w.broken = c.Err
		return nil
	case c.Revision <= w.base.pos.Revision && (len(c.Records) == 0 || c.Last().Revision <= w.base.pos.Revision):
		return nil // it ends before the base does
	}
	if w.run.Add(c.Revision, c.Records) != nil {
		return nil // kept, see judge
	}
	w.chunks++
	for i := range c.Records {
		if r := &c.Records[i]; r.Revision > w.base.pos.Revision {
			if err := w.take(r, fn); err != nil {
				return err
			}
		}
	}
	return nil
}
