package mvcc

import (
	"context"
	"database/sql"
	"errors"
	"sync"
	"sync/atomic"
	"time"

	"github.com/netsy-io/netsy/pkg/logevent"
	"github.com/netsy-io/netsy/pkg/record"
)

const (
	// purgeRecords bounds a step of the purge: how many records of history it goes
	// through, so that a writer waits a few milliseconds for it at most.
	purgeRecords = 256
	// stepsPerCheckpoint: what so many steps write stays below the thousand pages of WAL
	// at which a commit, and with it its writer, would have to wait for a checkpoint.
	stepsPerCheckpoint = 2
	// maxPause bounds the pause after a step: it is as long as the step, so that at least
	// half of the time is the writers', but a disk that hangs is not waited for twice.
	maxPause = time.Second
)

// purger removes superseded records in the background, in small steps. Each step is
// one transaction that raises the purged revision with the deletions, so that at any
// moment, after any crash, the file holds exactly the state at the purged
// revision and all that came after.
type purger struct {
	s      *Store
	woken  chan struct{}
	failed atomic.Bool // the last work did: the next wake tries again
	done   sync.WaitGroup
}

// startPurger starts the purge of what a former process left, and all to come; it
// ends with the store's context.
func startPurger(s *Store) *purger {
	p := &purger{s: s, woken: make(chan struct{}, 1)}
	p.wake()
	p.done.Go(func() { p.run(s.ctx) })
	return p
}

func (p *purger) wake() {
	select {
	case p.woken <- struct{}{}:
	default: // it is awake already
	}
}

// logged wakes the purger if there is something to do now that the object log has what comes before
// target; the Primary tells of each chunk, so not each time.
func (p *purger) logged(target, purged record.Revision) {
	if target > purged || p.failed.Load() {
		p.wake()
	}
}

// run works until there is nothing to do, then waits for the next wake. A failed
// step is counted and tried again with the next wake: nothing depends on it but space.
func (p *purger) run(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-p.woken:
		}
		err := p.work(ctx)
		if p.failed.Store(err != nil); err != nil && ctx.Err() == nil {
			p.s.metrics.purgeErrors.Inc()
			p.s.log.Warn("removing superseded records failed; will be tried again", "event", logevent.PurgeFailed, "error", err)
		}
	}
}

// work takes steps until there is none left.
func (p *purger) work(ctx context.Context) error {
	for n := 1; ctx.Err() == nil; n++ {
		start := time.Now()
		more, err := p.step(ctx)
		if err != nil {
			return err
		}
		took := time.Since(start)
		if n%stepsPerCheckpoint == 0 || !more && n > 1 {
			if err := p.s.checkpoint(ctx); err != nil {
				return err
			}
		}
		if !more {
			return nil
		}
		pause(ctx, min(took, maxPause))
	}
	return nil
}

func pause(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}

// step drops what was discarded, purges, and when that is done gives space back.
func (p *purger) step(ctx context.Context) (more bool, err error) {
	if more, err = p.s.discardStep(ctx); more || err != nil {
		return more, err
	}
	if more, err = p.s.purgeStep(ctx); more || err != nil {
		return more, err
	}
	return p.s.vacuumStep()
}

// purgeStep raises the purged revision by one step; more is false when it has
// reached its target, or failed. Reading needs no lock: records at or below the
// target change by purging alone.
func (s *Store) purgeStep(ctx context.Context) (more bool, err error) {
	st := s.state.Load()
	target := purgeTarget(st.compact, s.logged.Load().pos.Revision)
	if target <= st.purged {
		return false, nil
	}
	to, gone, err := s.planPurge(ctx, st.purged, target)
	if err != nil {
		return false, err
	}
	err = s.write("purge", func(w *writer, next *durable) error {
		if next.purged != st.purged {
			gone = nil
			return nil // someone else did the step
		}
		next.purged = to
		return deleteAll(w, gone)
	})
	if err != nil {
		return false, err
	}
	s.metrics.purgedRecords.Add(float64(len(gone)))
	return to < target, nil
}

// planPurge chooses the end of the step and the records that go.
func (s *Store) planPurge(ctx context.Context, purged, target record.Revision) (to record.Revision, gone []rowPos, err error) {
	err = s.read(ctx, "plan purge", func(tx *sql.Tx) error {
		if to, err = stepEnd(ctx, tx, purged, target); err != nil {
			return err
		}
		gone, err = supersededAt(ctx, tx, purged, to)
		return err
	})
	return to, gone, err
}

// selectSpan: the records of a span, each with the one of its key before it, which it names.
const selectSpan = `SELECT r.pos, coalesce(before.pos, 0), r.deleted, r.created
	FROM records AS r NOT INDEXED LEFT JOIN records AS before NOT INDEXED ON NOT r.created AND before.key = r.key
	AND before.pos BETWEEN r.prev_revision << ` + subBitsText + ` AND (r.prev_revision << ` + subBitsText + `) + ` + maxSubText + `
	WHERE r.pos > ? AND r.pos <= ? ORDER BY r.pos`

// supersededAt lists what the state at to doesn't need, if all that the one at purged
// doesn't need is gone.
func supersededAt(ctx context.Context, tx *sql.Tx, purged, to record.Revision) (gone []rowPos, err error) {
	rows, err := tx.QueryContext(ctx, selectSpan, int64(lastOf(purged)), int64(lastOf(to)))
	if err != nil {
		return nil, sqlError("plan purge", err)
	}
	defer rows.Close()
	var span []succession
	var unknown []int // in span
	for rows.Next() {
		var (
			r       succession
			created bool
		)
		if err := rows.Scan(&r.pos, &r.before, &r.deleted, &created); err != nil {
			return nil, sqlError("plan purge", err)
		}
		if !created && r.before == 0 {
			unknown = append(unknown, len(span))
		}
		span = append(span, r)
	}
	if err := errors.Join(rows.Err(), rows.Close()); err != nil {
		return nil, sqlError("plan purge", err)
	}
	for _, i := range unknown {
		if span[i].before, err = lastBefore(ctx, tx, span[i].pos); err != nil {
			return nil, err
		}
	}
	return superseded(span), nil
}

// lastBefore looks through the whole table for the record that the one at pos took the place
// of; 0: it isn't there. It is for those that name one that isn't: a snapshot that others have reduced to
// the state at its end has them. Whatever is there must go, or it would be taken for the key's
// state.
func lastBefore(ctx context.Context, tx *sql.Tx, pos rowPos) (before rowPos, err error) {
	err = tx.QueryRowContext(ctx, `SELECT coalesce(max(pos), 0) FROM records NOT INDEXED
		WHERE pos < ? AND key = (SELECT key FROM records WHERE pos = ?)`, int64(pos), int64(pos)).Scan(&before)
	if err != nil {
		return 0, sqlError("plan purge", err)
	}
	return before, nil
}

// stepEnd is the revision of the last record that the step goes through.
func stepEnd(ctx context.Context, tx *sql.Tx, purged, target record.Revision) (record.Revision, error) {
	var pos int64
	err := tx.QueryRowContext(ctx, "SELECT pos FROM records WHERE pos > ? AND pos <= ? ORDER BY pos LIMIT 1 OFFSET ?",
		int64(lastOf(purged)), int64(lastOf(target)), purgeRecords-1).Scan(&pos)
	switch {
	case errors.Is(err, sql.ErrNoRows):
		return target, nil
	case err != nil:
		return 0, sqlError("plan purge", err)
	}
	return rowPos(pos).revision(), nil
}

func deleteAll(w *writer, gone []rowPos) error {
	stmt, err := w.conn.PrepareContext(context.Background(), "DELETE FROM records WHERE pos = ?")
	if err != nil {
		return err
	}
	defer stmt.Close()
	for _, pos := range gone {
		if _, err := stmt.Exec(int64(pos)); err != nil {
			return err
		}
	}
	return nil
}
