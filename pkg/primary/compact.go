package primary

import (
	"context"
	"time"

	"github.com/netsy-io/netsy/pkg/mvcc"
	"github.com/netsy-io/netsy/pkg/record"
)

// Compact makes rev the compaction revision: first in cluster.json, where it
// outlives this reign, then in the local copy and for the watches. Errors are
// mvcc.ErrCompacted and mvcc.ErrFutureRev as etcd's.
func (r *Reign) Compact(ctx context.Context, rev record.Revision) error {
	r.compacting.Lock()
	defer r.compacting.Unlock()
	if r.ctx.Err() != nil {
		return ErrNotPrimary
	}
	st := r.cfg.Store
	if rev <= st.CompactRevision() {
		return mvcc.ErrCompacted
	}
	if rev > st.Snapshot().Revision() {
		return mvcc.ErrFutureRev
	}
	if err := r.cfg.Office.SetCompaction(ctx, rev); err != nil {
		return err
	}
	if err := st.Compact(ctx, rev); err != nil {
		return err
	}
	r.cfg.Hub.Compacted(rev)
	r.feed.Committed(st.Snapshot().Revision(), rev)
	r.cfg.Logger.Info("compacted history", "event", "compaction", "revision", rev)
	return nil
}

// mark remembers which revision was current when.
type mark struct {
	at  time.Time
	rev record.Revision
}

// compactionTarget is the rule for automatic compaction: the newest revision that
// was already current a window ago, but never beyond what a watch still needs.
// It returns 0 if there is none, and the marks that later calls still need.
func compactionTarget(marks []mark, now time.Time, window time.Duration, needed record.Revision, anyNeeded bool) (record.Revision, []mark) {
	var target record.Revision
	keep := 0
	for i, m := range marks {
		if now.Sub(m.at) < window {
			break
		}
		target, keep = m.rev, i
	}
	if anyNeeded && needed-1 < target {
		target = max(needed-1, 0)
	}
	return target, marks[keep:]
}

// compactByItself compacts on the configured interval.
func (r *Reign) compactByItself(ctx context.Context) {
	tick := time.NewTicker(r.cfg.CompactionInterval)
	defer tick.Stop()
	marks := []mark{{time.Now(), r.cfg.Store.Snapshot().Revision()}}
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		now := time.Now()
		needed, any := r.needed()
		var target record.Revision
		marks = append(marks, mark{now, r.cfg.Store.Snapshot().Revision()})
		target, marks = compactionTarget(marks, now, r.cfg.CompactionWindow, needed, any)
		if target <= r.cfg.Store.CompactRevision() {
			continue
		}
		if err := r.Compact(ctx, target); err != nil && ctx.Err() == nil {
			r.cfg.Logger.Warn("compaction failed; trying again at the next interval", "event", "compaction_failed", "revision", target, "error", err)
		}
	}
}

// needed is the lowest revision that a watch, here or on a replica, still has to read.
func (r *Reign) needed() (rev record.Revision, any bool) {
	rev, any = r.cfg.Hub.MinNeeded()
	for _, f := range r.feed.Followers() {
		if f.Connected && f.Needed > 0 && (!any || f.Needed < rev) {
			rev, any = f.Needed, true
		}
	}
	return rev, any
}
