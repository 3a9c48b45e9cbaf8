package mvcc

import (
	"context"
	"database/sql"
	"errors"
	"sync"

	"github.com/netsy-io/netsy/pkg/record"
)

// purgeRecords bounds a step of the purge: how many records of history it goes
// through, so that a writer waits a few milliseconds for it at most.
const purgeRecords = 256

// purger removes superseded records in the background, in small steps. Each step is
// one transaction that raises the purged revision with the deletions, so that at any
// moment, after any crash, the file holds exactly the state at the purged
// revision and all that came after.
type purger struct {
	s     *Store
	woken chan struct{}
	done  sync.WaitGroup
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

// run works until there is nothing to do, then waits for the next wake. A failed
// step is counted and tried again with the next wake: nothing depends on it but space.
func (p *purger) run(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-p.woken:
		}
		for more := true; more && ctx.Err() == nil; {
			var err error
			if more, err = p.step(ctx); err != nil && ctx.Err() == nil {
				p.s.metrics.purgeErrors.Inc()
				p.s.log.Warn("removing superseded records failed; will be tried again", "error", err)
			}
		}
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
		to, err = stepEnd(ctx, tx, purged, target)
		if err != nil {
			return err
		}
		keys, err := changedKeys(ctx, tx, purged, to)
		if err != nil {
			return err
		}
		for _, key := range keys {
			versions, err := versionsUpTo(ctx, tx, key, to)
			if err != nil {
				return err
			}
			gone = append(gone, superseded(versions)...)
		}
		return nil
	})
	return to, gone, err
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

func changedKeys(ctx context.Context, tx *sql.Tx, after, to record.Revision) (keys [][]byte, err error) {
	rows, err := tx.QueryContext(ctx, "SELECT DISTINCT key FROM records NOT INDEXED WHERE pos > ? AND pos <= ?",
		int64(lastOf(after)), int64(lastOf(to)))
	if err != nil {
		return nil, sqlError("plan purge", err)
	}
	defer rows.Close()
	for rows.Next() {
		var key []byte
		if err := rows.Scan(&key); err != nil {
			return nil, sqlError("plan purge", err)
		}
		keys = append(keys, key)
	}
	if err := rows.Err(); err != nil {
		return nil, sqlError("plan purge", err)
	}
	return keys, nil
}

func versionsUpTo(ctx context.Context, tx *sql.Tx, key []byte, to record.Revision) (out []version, err error) {
	rows, err := tx.QueryContext(ctx, "SELECT pos, deleted FROM records WHERE key = ? AND pos <= ? ORDER BY pos",
		blob(key), int64(lastOf(to)))
	if err != nil {
		return nil, sqlError("plan purge", err)
	}
	defer rows.Close()
	for rows.Next() {
		var v version
		if err := rows.Scan(&v.pos, &v.deleted); err != nil {
			return nil, sqlError("plan purge", err)
		}
		out = append(out, v)
	}
	if err := rows.Err(); err != nil {
		return nil, sqlError("plan purge", err)
	}
	return out, nil
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
