package loading

import (
	"context"
	"errors"
	"fmt"

	"github.com/netsy-io/netsy/pkg/datafile"
	"github.com/netsy-io/netsy/pkg/logevent"
	"github.com/netsy-io/netsy/pkg/objectstore"
	"github.com/netsy-io/netsy/pkg/record"
)

// Why to look again.
var (
	errSnapshotGone    = errors.New("a snapshot was deleted while it was being looked at")
	errSnapshotDamaged = errors.New("a snapshot is damaged")
)

// place gathers the facts and decides.
func (l *loader) place(ctx context.Context) (placement, error) {
	f := facts{tail: l.Store.Tail(), purged: l.Store.Purged()}
	listed, err := l.Snapshots.List(ctx)
	if err != nil {
		return placement{}, err
	}
	for _, s := range listed {
		f.listed = append(f.listed, s.Revision)
	}
	if err := l.marks(ctx, &f); err != nil {
		return placement{}, err
	}
	if err := l.held(ctx, &f); err != nil {
		return placement{}, err
	}
	p, err := place(f)
	if err == nil && p.load && f.snapshots[0].pos.Epoch > l.Limit {
		return p, &HigherEpochError{Limit: l.Limit, Seen: f.snapshots[0].pos.Epoch, Key: fmt.Sprintf("the snapshot at revision %d", p.after)}
	}
	return p, err
}

// marks looks at the newest snapshots, two at most: chunks behind older ones may be gone.
func (l *loader) marks(ctx context.Context, f *facts) error {
	n := len(f.listed)
	for i := n - 1; i >= 0 && i >= n-2; i-- {
		rev := f.listed[i]
		if l.damaged[rev] {
			continue
		}
		h, err := l.Snapshots.Header(ctx, rev)
		switch {
		case errors.Is(err, objectstore.ErrNotFound):
			return fmt.Errorf("%w: revision %d: %w", errSnapshotGone, rev, err)
		case errors.Is(err, datafile.ErrCorrupt):
			l.isDamaged(rev, err)
			continue
		case err != nil:
			return err
		}
		local, err := l.Store.PosAt(ctx, rev)
		if err != nil {
			return err
		}
		f.snapshots = append(f.snapshots, mark{pos: record.Pos{Epoch: h.Epoch, Revision: rev}, local: local})
	}
	return nil
}

// held finds out whether the position remembered as logged is still in the log, and here.
func (l *loader) held(ctx context.Context, f *facts) (err error) {
	first, pos, ok := l.Store.Logged()
	if !ok || freeable(pos.Revision, f.listed) {
		return nil
	}
	// A record at or below the purged revision may be gone; that this copy had it was
	// known when it was remembered.
	if local, err := l.Store.PosAt(ctx, pos.Revision); err != nil || local != pos && (pos.Revision > f.purged || local != record.Pos{}) {
		return err
	}
	f.logged = pos
	for _, s := range f.snapshots {
		if s.pos == pos { // it came from a snapshot, or has become one
			f.held = true
			return nil
		}
	}
	if first > 0 {
		f.held, err = l.Log.Holds(ctx, first, pos)
	}
	return err
}

// isDamaged: a snapshot that can't be read is passed over. Somebody has to look at it.
func (l *loader) isDamaged(rev record.Revision, err error) {
	l.damaged[rev] = true
	l.Metrics.damaged.Inc()
	l.Logger.Error("a snapshot is damaged; going on without it", "event", logevent.SnapshotDamaged, "revision", rev, "error", err)
}
