package mvcc

import (
	"context"
	"database/sql"
	"fmt"
	"sync"
	"time"

	"github.com/netsy-io/netsy/pkg/record"
)

// Load replaces the stored history by another copy of it, a snapshot's. Its records are
// staged in a table of their own, which nobody reads, and take the place of all others
// in one transaction: at any moment, after any crash, the file holds the one whole
// or the other. Its methods are for one goroutine; the store can be used meanwhile.
type Load struct {
	s     *Store
	start time.Time
	order loadOrder
	tail  record.Pos // when the load began: what was decided then is about this history

	mu    sync.Mutex // Store.Close ends it, too
	stage *staging   // nil once it has ended
}

// BeginLoad begins a load: what a former one left is dropped. There is one at a time
// (ErrLoading); it must end with Commit or Abort.
func (s *Store) BeginLoad(ctx context.Context) (*Load, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	l := &Load{s: s, start: time.Now(), tail: s.Tail()}
	if !s.load.CompareAndSwap(nil, l) {
		return nil, ErrLoading
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if s.closed.Load() { // Close may not have seen it
		s.load.Store(nil)
		return nil, ErrClosed
	}
	stage, err := s.beginStaging(ctx)
	if err != nil {
		s.load.Store(nil)
		return nil, err
	}
	l.stage = stage
	return l, nil
}

// Add stages records that follow those added before, ascending by revision and sub, gaps
// allowed (*OrderError). They are neither visible nor, before Commit, durable. recs
// are not kept. After an error the load can only be aborted.
func (l *Load) Add(ctx context.Context, recs []record.Record) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if err := l.usable(ctx); err != nil {
		return err
	}
	for i := range recs {
		if err := l.order.add(&recs[i]); err != nil {
			return err
		}
	}
	for len(recs) > 0 {
		n := stagePart(recs)
		if err := l.stage.add(ctx, recs[:n]); err != nil {
			return err
		}
		l.s.metrics.loadedRecords.Add(float64(n))
		recs = recs[n:]
	}
	return nil
}

// Commit makes the staged records the stored history, in one transaction: the tail is
// last, which must be the last one added; of what is at or below purged, they are the
// state there and nothing else; from there on they are complete. Nothing below purged+1
// can be read any more, and all of it is known to be in the object log. Promises are
// as they are. The published snapshot stays readable; a Working made before is of no use
// afterwards. The caller knows that nothing stored beyond last was committed.
//
// Errors, after which the history is the old one: ErrStaleLoad, *TruncateError if last is below the
// published or compaction revision, *OrderError, *LoadError (the records are not what
// a snapshot holds), ErrDisk. ErrPoisoned leaves open which it is.
func (l *Load) Commit(ctx context.Context, last record.Pos, purged record.Revision) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if err := l.usable(ctx); err != nil {
		return err
	}
	if err := l.check(last, purged); err != nil {
		return err
	}
	if err := l.stage.finish(ctx, purged); err != nil {
		return err
	}
	if err := l.replace(last, purged); err != nil {
		return err
	}
	l.s.metrics.observeLoad(time.Since(l.start))
	return l.release()
}

// check refuses what Commit would, before the work.
func (l *Load) check(last record.Pos, purged record.Revision) error {
	if err := l.order.end(last, purged); err != nil {
		return err
	}
	return mayReplace(l.s.state.Load(), l.s.Snapshot().Revision(), last.Revision)
}

// Abort ends the load without effect. After Commit it does nothing.
func (l *Load) Abort() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.stage == nil {
		return nil
	}
	err := l.release()
	if dropErr := l.s.write("abort load", func(w *writer, _ *durable) error { return discard(w.conn, stagingTable) }); err == nil {
		err = dropErr
	}
	l.s.purger.wake()
	return err
}

func (l *Load) usable(ctx context.Context) error {
	if l.stage == nil {
		return fmt.Errorf("%w: the load has ended", ErrClosed)
	}
	return ctx.Err()
}

// release ends the load; what it staged, if it is there still, is a former load's.
func (l *Load) release() error {
	stage := l.stage
	l.stage = nil
	l.s.load.Store(nil)
	l.s.purger.wake() // what it has waited with
	return stage.close()
}

// replace is the transaction of Commit.
func (l *Load) replace(last record.Pos, purged record.Revision) error {
	s := l.s
	s.publishMu.Lock() // nothing is published meanwhile
	defer s.publishMu.Unlock()
	known := s.logged.Load()
	err := s.write("load", func(w *writer, next *durable) error {
		if next.tail != l.tail {
			return fmt.Errorf("%w: it ended at %v then, at %v now", ErrStaleLoad, l.tail, next.tail)
		}
		if err := mayReplace(next, s.Snapshot().Revision(), last.Revision); err != nil {
			return err
		}
		if err := l.stage.takePlace(w.conn); err != nil {
			return err
		}
		*next = loaded(*next, last, purged)
		s.logged.Store(&next.logged) // true whether this succeeds or not
		stored, err := w.stored()
		if err == nil && stored.tail != last {
			err = fmt.Errorf("mvcc: staged records end at %v, not %v", stored.tail, last)
		}
		return err
	})
	if err != nil {
		s.logged.Store(known)
		return err
	}
	s.announceLocked()
	s.pins.dropBelow(s.CompactRevision())
	s.purger.wake()
	return nil
}

// endLoad ends a load under way when the store is closed.
func (s *Store) endLoad() error {
	l := s.load.Load()
	if l == nil {
		return nil
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.stage == nil {
		return nil
	}
	return l.release()
}

// Purged is the revision of which the file holds the state, and nothing that was
// superseded there; 0 if all of the history is stored.
func (s *Store) Purged() record.Revision { return s.state.Load().purged }

// execer is a connection, in whatever transaction it is.
type execer interface {
	querier
	ExecContext(context.Context, string, ...any) (sql.Result, error)
}
