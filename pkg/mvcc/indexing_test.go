package mvcc

import (
	"context"
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/netsy-io/netsy/pkg/record"
)

// TestQueueInterrupts whoever came first.
func TestQueueInterrupts(t *testing.T) {
	var q queue
	err := q.interruptible(t.Context(), func(ctx context.Context) error {
		if ctx.Err() != nil {
			t.Error("interrupted by nobody")
		}
		q.enter()
		return ctx.Err()
	})
	if !errors.Is(err, context.Canceled) {
		t.Fatal(err)
	}
	err = q.interruptible(t.Context(), func(ctx context.Context) error { return ctx.Err() })
	if !errors.Is(err, context.Canceled) {
		t.Fatal("who waits already doesn't interrupt")
	}
	q.leave()
	if err := q.interruptible(t.Context(), func(ctx context.Context) error { return ctx.Err() }); err != nil {
		t.Fatal(err)
	}
}

// TestIndexingMakesWay for promises, but not for ever.
func TestIndexingMakesWay(t *testing.T) {
	s := openDir(t, t.TempDir())
	l, err := s.BeginLoad(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	recs := snapshotRecords(0, 20_000, 20_000, nil)
	if err := l.Add(t.Context(), recs); err != nil {
		t.Fatal(err)
	}
	var g sync.WaitGroup
	ctx, cancel := context.WithCancel(t.Context())
	for range 2 { // there is always one waiting
		g.Go(func() {
			for ctx.Err() == nil {
				if _, err := s.Promise(t.Context(), 1); err != nil {
					t.Error(err)
				}
			}
		})
	}
	err = l.Commit(t.Context(), record.Pos{Epoch: 1, Revision: 20_000}, 19_999)
	cancel()
	g.Wait()
	if err != nil || s.Tail().Revision != 20_000 || s.ElectionState().Promised != 1 {
		t.Fatal(err)
	}
}

// TestIndexingEndsWithTheStore: Close doesn't wait for a long Commit.
func TestIndexingEndsWithTheStore(t *testing.T) {
	s := openDir(t, t.TempDir())
	l, err := s.BeginLoad(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if err := l.Add(t.Context(), aSnapshot()); err != nil {
		t.Fatal(err)
	}
	s.cancel()
	if err := l.Commit(t.Context(), aSnapshotEnd, 9); !errors.Is(err, ErrClosed) {
		t.Fatal(err)
	}
}

// TestIndexIsReallyInterrupted: a promise made while a large index is being built is there
// before the index is.
func TestIndexIsReallyInterrupted(t *testing.T) {
	s := openDir(t, t.TempDir())
	l, err := s.BeginLoad(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i < 100_000; i += 10_000 {
		recs := snapshotRecords(i, i+10_000, 100_000, nil)
		for j := range recs {
			recs[j].Value = nil
		}
		if err := l.Add(t.Context(), recs); err != nil {
			t.Fatal(err)
		}
	}
	interrupted := false
	err = l.stage.write("index", func() error {
		return s.writer.queue.interruptible(t.Context(), func(ctx context.Context) error {
			timer := time.AfterFunc(time.Millisecond, s.writer.queue.enter)
			defer timer.Stop()
			err := copyIndex(ctx, l.stage.conn, "records", stagingTable)
			interrupted = errors.Is(err, context.Canceled)
			return err
		})
	})
	if !interrupted {
		t.Skip("the index was there within a millisecond:", err)
	}
	s.writer.queue.leave()
	if err := l.Commit(t.Context(), record.Pos{Epoch: 1, Revision: 100_000}, 99_999); err != nil {
		t.Fatal(err)
	}
	if got := len(revisions(t, s)); got != 100_000 {
		t.Fatal(got)
	}
}
