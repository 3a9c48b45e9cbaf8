package loading

import (
	"context"

	"github.com/netsy-io/netsy/pkg/objectlog"
	"github.com/netsy-io/netsy/pkg/record"
)

// proveEvery is after how many chunks it is proven again that what was read is the log,
// so that a copy which is stopped while it loads need not begin anew: one listing for
// up to 256 MB.
const proveEvery = 64

// apply lays a chunk over the local copy.
func (l *loader) apply(ctx context.Context, c objectlog.Chunk) error {
	if c.Header.Epoch > l.Limit {
		return &HigherEpochError{Limit: l.Limit, Seen: c.Header.Epoch, Key: c.Info.Key}
	}
	st := l.Store
	m, err := plan(c.Records, st.Tail().Revision, func(rev record.Revision) (record.Epoch, bool, error) { return st.EpochAt(ctx, rev) })
	if err != nil {
		return err
	}
	if m.truncate {
		if err := l.truncate(ctx, m.keep, c.Info.Key); err != nil {
			return err
		}
	}
	if len(m.add) > 0 {
		if err := st.AppendLogged(ctx, m.add); err != nil {
			return err
		}
	}
	l.Metrics.records.Add(float64(len(m.add)))
	if l.unproven++; l.unproven < proveEvery {
		return nil
	}
	if err := l.Log.Trusted(ctx, l.after); err != nil {
		return err
	}
	l.proven(c.Info.First, c.Info.Last)
	return nil
}

// truncate removes local records that contradict the log. They may be records that this
// node gave receipts for, so the chunk that contradicts them must be the log's, and not
// what a deposed Primary left in a slot that was freed since reading began.
func (l *loader) truncate(ctx context.Context, keep record.Revision, key string) error {
	if err := l.Log.Trusted(ctx, l.after); err != nil {
		return err
	}
	l.Logger.Warn("removing local records that the object log does not have", "event", "loading_truncate",
		"after", keep, "local_tail", l.Store.Tail().String(), "key", key)
	return l.Store.TruncateAfter(ctx, keep)
}

// proven remembers that the log has pos, in the chunk that begins at first, or, if that is
// 0, in the snapshot that ends there. Chunks end at whole revisions, so the local copy
// agrees up to there.
func (l *loader) proven(first record.Revision, pos record.Pos) {
	if pos.Revision > 0 {
		l.Store.SetLogged(first, pos)
	}
	l.unproven = 0
}
