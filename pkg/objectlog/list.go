package objectlog

import (
	"context"

	"github.com/netsy-io/netsy/pkg/objectstore"
	"github.com/netsy-io/netsy/pkg/record"
)

// slot is a listed chunk.
type slot struct {
	first record.Revision
	size  int64
}

// listPage lists up to a page of the keys of revisions above after.
func (l *Log) listPage(ctx context.Context, prefix string, after record.Revision, limit, attempts int) (slots []slot, more bool, err error) {
	var page objectstore.Page
	err = l.retry(ctx, "list", attempts, func() (err error) {
		page, err = l.store.List(ctx, prefix, prefix+after.Key()+suffix, limit)
		return err
	})
	if err != nil {
		return nil, false, err
	}
	for _, o := range page.Objects {
		rev, err := parseKey(prefix, o.Key)
		if err != nil {
			return nil, false, err
		}
		slots = append(slots, slot{rev, o.Size})
	}
	return slots, page.More && len(slots) > 0, nil
}

// snapshots lists the revisions of all snapshots, ascending. There are few.
func (l *Log) snapshots(ctx context.Context) (revs []record.Revision, err error) {
	var after record.Revision
	for {
		slots, more, err := l.listPage(ctx, SnapshotPrefix, after, 0, readAttempts)
		if err != nil {
			return nil, err
		}
		for _, s := range slots {
			revs = append(revs, s.first)
			after = s.first
		}
		if !more {
			return revs, nil
		}
	}
}

// locateSpan is the number of revisions below its target that locate looks at first:
// they can't be more slots than fit on one page.
const locateSpan = 1000

// locate finds the last slot above floor and up to target. Object storage lists only
// forwards, so it looks at ever wider spans below target, instead of listing a log
// of any length from its beginning.
func (l *Log) locate(ctx context.Context, floor, target record.Revision) (found slot, ok bool, err error) {
	if floor >= target {
		return slot{}, false, nil
	}
	for span := record.Revision(locateSpan); ; span *= 64 {
		from := floor
		if span < (target-floor)/64 { // far from the end, and from overflow
			from = target - span
		}
		found, ok, err = l.lastIn(ctx, from, target)
		if ok || err != nil || from == floor {
			return found, ok, err
		}
	}
}

func (l *Log) lastIn(ctx context.Context, after, target record.Revision) (found slot, ok bool, err error) {
	for {
		slots, more, err := l.listPage(ctx, ChunkPrefix, after, 0, readAttempts)
		if err != nil {
			return slot{}, false, err
		}
		for _, s := range slots {
			if s.first > target {
				return found, ok, nil
			}
			found, ok, after = s, true, s.first
		}
		if !more {
			return found, ok, nil
		}
	}
}
