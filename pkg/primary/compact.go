package primary

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/netsy-io/netsy/pkg/logevent"
	"github.com/netsy-io/netsy/pkg/mvcc"
	"github.com/netsy-io/netsy/pkg/record"
	"github.com/netsy-io/netsy/pkg/replication"
)

// maxAttempts bounds how often a compaction is put to the nodes before the next
// interval: each refusal lowers what is asked for, and watches come and go meanwhile.
const maxAttempts = 4

// Compact makes rev the compaction revision at once: watches that need less are
// cancelled as compacted, as in etcd. First the nodes are told, as far as they answer
// within a heartbeat interval; then it is recorded in cluster.json, where it outlives
// this reign, then in the local copy, and followers hear of it. Errors are
// mvcc.ErrCompacted and mvcc.ErrFutureRev as etcd's.
func (r *Reign) Compact(ctx context.Context, rev record.Revision) error {
	_, err := r.compact(ctx, rev, true)
	return err
}

// compact puts rev to all nodes that follow and to this one, and, unless one refuses,
// or in any case with force, makes it the compaction revision. It returns the answers.
func (r *Reign) compact(ctx context.Context, rev record.Revision, force bool) ([]replication.CompactionAnswer, error) {
	answers, done, err := r.tryCompact(ctx, rev, force)
	switch {
	case done:
		r.cfg.Metrics.compactions.WithLabelValues(compactionDone).Inc()
	case err != nil && !errors.Is(err, mvcc.ErrCompacted) && !errors.Is(err, mvcc.ErrFutureRev) && ctx.Err() == nil:
		r.cfg.Metrics.compactions.WithLabelValues(compactionFailed).Inc()
	}
	return answers, err
}

func (r *Reign) tryCompact(ctx context.Context, rev record.Revision, force bool) (_ []replication.CompactionAnswer, done bool, _ error) {
	r.compacting.Lock()
	defer r.compacting.Unlock()
	if r.ctx.Err() != nil {
		return nil, false, ErrNotPrimary
	}
	st := r.cfg.Store
	if rev <= st.CompactRevision() {
		return nil, false, mvcc.ErrCompacted
	}
	if rev > st.Snapshot().Revision() {
		return nil, false, mvcc.ErrFutureRev
	}
	answers := r.question(ctx, rev, force)
	if needed, _ := refusals(answers); needed > 0 && !force {
		return answers, false, nil
	}
	if err := r.cfg.Office.SetCompaction(ctx, rev); err != nil {
		return answers, false, err
	}
	if err := st.Compact(ctx, rev); err != nil {
		return answers, false, err
	}
	r.cfg.Hub.Compacted(rev)
	r.feed.Committed(st.Snapshot().Revision(), rev)
	r.cfg.Logger.Info("compacted history", "event", logevent.Compaction, "revision", rev)
	return answers, true, nil
}

// question asks this node's watches, then, unless they refuse, every follower's. A
// follower has a heartbeat interval to answer in.
func (r *Reign) question(ctx context.Context, rev record.Revision, force bool) []replication.CompactionAnswer {
	own := replication.CompactionAnswer{Ref: r.cfg.Self, Answered: true}
	if own.Needed, own.Agreed = r.cfg.Hub.Reserve(rev, force); !own.Agreed && !force {
		return []replication.CompactionAnswer{own}
	}
	ctx, cancel := context.WithTimeout(ctx, r.cfg.HeartbeatInterval)
	defer cancel()
	return append(r.feed.AskCompaction(ctx, rev, force), own)
}

// compactByItself compacts on the configured interval.
func (r *Reign) compactByItself(ctx context.Context) {
	defer r.cfg.Metrics.compactionBlocked.Set(0)
	// A reign knows only of its own time how old a revision is.
	marks := []mark{{time.Now(), r.cfg.Store.Snapshot().Revision()}}
	tick := time.NewTicker(r.cfg.CompactionInterval)
	defer tick.Stop()
	for blocked := false; ; {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		var h horizon
		now := time.Now()
		h, marks = horizonOf(append(marks, mark{now, r.cfg.Store.Snapshot().Revision()}), now, r.cfg.CompactionWindow)
		by, err := r.compactUpTo(ctx, h)
		if ctx.Err() != nil {
			return
		}
		if err != nil {
			r.cfg.Logger.Warn("compaction failed; trying again at the next interval", "event", logevent.CompactionFailed, "revision", h.wanted, "error", err)
			continue
		}
		if len(by) > 0 != blocked {
			blocked = len(by) > 0
			r.tellBlocked(now, h, by)
		}
	}
}

// tellBlocked notes that watches hold back compaction, or none does any more.
func (r *Reign) tellBlocked(now time.Time, h horizon, by []replication.CompactionAnswer) {
	if len(by) == 0 {
		r.cfg.Metrics.compactionBlocked.Set(0)
		return
	}
	r.cfg.Metrics.compactionBlocked.Set(float64(now.Unix()))
	r.cfg.Logger.Warn("watches that are far behind hold back the compaction of history; they are cancelled when what they need is too old",
		"event", logevent.CompactionBlocked, "wanted", h.wanted, "nodes", describe(by), "kept_for", heldWindows*r.cfg.CompactionWindow)
}

// describe names who needs what.
func describe(by []replication.CompactionAnswer) string {
	var all []string
	for _, a := range by {
		says := "doesn't answer"
		if a.Answered {
			says = fmt.Sprintf("needs revision %d", a.Needed)
		}
		all = append(all, a.Ref.NodeID+" "+says)
	}
	return strings.Join(all, ", ")
}

// compactUpTo compacts as far towards h as watches let it, and returns who doesn't let
// it go all the way.
func (r *Reign) compactUpTo(ctx context.Context, h horizon) (by []replication.CompactionAnswer, err error) {
	needed, by := refusals(r.needs())
	for range maxAttempts {
		rev, force := h.target(needed)
		if rev <= r.cfg.Store.CompactRevision() {
			break
		}
		answers, err := r.compact(ctx, rev, force)
		if err != nil {
			return by, err
		}
		lower, refused := refusals(answers)
		if force {
			r.cfg.Metrics.compactionForced.Inc()
			r.cfg.Logger.Warn("compacted history that watches still needed: they were cancelled", "event", logevent.CompactionForced, "revision", rev, "nodes", describe(by))
		}
		if lower == 0 || force {
			break
		}
		needed, by = lower, refused
	}
	if h.wanted <= r.cfg.Store.CompactRevision() {
		by = nil
	}
	return by, nil
}

// needs is what the watches of each node need, as far as is known without asking:
// the answers that refuse.
func (r *Reign) needs() (refused []replication.CompactionAnswer) {
	if rev, any := r.cfg.Hub.MinNeeded(); any {
		refused = append(refused, replication.CompactionAnswer{Ref: r.cfg.Self, Answered: true, Needed: rev})
	}
	for _, f := range r.feed.Followers() {
		if f.Connected && f.Needed > 0 {
			refused = append(refused, replication.CompactionAnswer{Ref: f.Ref, Answered: true, Needed: f.Needed})
		}
	}
	return refused
}
