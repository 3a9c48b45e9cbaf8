package mvcc

import (
	"context"
	"time"

	"github.com/netsy-io/netsy/pkg/record"
)

// Append stores records that continue the history, in one transaction with one
// fsync. It is for records of the present reign: those of an epoch below the promise,
// as it is in that same transaction, are refused with a *PromisedError. Records that
// don't follow the tail are an *OrderError. recs must hold whole revisions.
func (s *Store) Append(ctx context.Context, recs []record.Record) error {
	return s.append(ctx, recs, mayStore)
}

// AppendLogged is Append for records read from the object log: those are the
// history, whatever this node has promised since they were written.
func (s *Store) AppendLogged(ctx context.Context, recs []record.Record) error {
	return s.append(ctx, recs, func(*durable, []record.Record) error { return nil })
}

func (s *Store) append(ctx context.Context, recs []record.Record, allowed func(*durable, []record.Record) error) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if len(recs) == 0 {
		return nil
	}
	start := time.Now()
	err := s.write(opAppend, func(w *writer, next *durable) error {
		if err := allowed(next, recs); err != nil {
			return err
		}
		if err := checkOrder(next.tail, recs); err != nil {
			return err
		}
		next.tail = recs[len(recs)-1].Pos()
		return w.records.insert(recs)
	})
	s.metrics.observeAppend(recs, time.Since(start), err)
	return err
}

// TruncateAfter removes the records beyond rev, which were never committed. It
// refuses (*TruncateError) to go below the published or the compaction revision.
// A Working made before is of no use afterwards.
func (s *Store) TruncateAfter(ctx context.Context, rev record.Revision) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	s.publishMu.Lock() // nothing is published meanwhile
	defer s.publishMu.Unlock()
	return s.write("truncate", func(w *writer, next *durable) error {
		if rev >= next.tail.Revision {
			return mayTruncate(next, s.Snapshot().Revision(), rev)
		}
		return s.truncate(w, next, rev)
	})
}

// truncate removes what is beyond rev, within a transaction and with publishMu held.
func (s *Store) truncate(w *writer, next *durable, rev record.Revision) error {
	if err := mayTruncate(next, s.Snapshot().Revision(), rev); err != nil {
		return err
	}
	if _, err := w.conn.ExecContext(context.Background(), "DELETE FROM records WHERE pos > ?", int64(lastOf(rev))); err != nil {
		return err
	}
	after, err := w.stored()
	if err != nil {
		return err
	}
	next.tail = after.tail
	s.forgetLogged(next)
	return nil
}

// mayTruncate: what readers have seen and what compaction has relied on stays.
func mayTruncate(d *durable, published, rev record.Revision) error {
	if rev < published {
		return &TruncateError{Revision: rev, Floor: published, What: "published"}
	}
	if rev < d.compact {
		return &TruncateError{Revision: rev, Floor: d.compact, What: "compaction"}
	}
	return nil
}

// forgetLogged drops a remembered position that the truncation removed. Should the
// transaction fail after all, having forgotten it only costs time.
func (s *Store) forgetLogged(next *durable) {
	if next.logged.pos.Revision > next.tail.Revision {
		next.logged = loggedPos{}
		s.logged.Store(&loggedPos{})
	}
}
