package mvcc

import (
	"context"
	"errors"
	"time"
)

const (
	// indexAttempts: so often makes the building of the index way for a write, then it runs
	// to its end: a store that is written to all the time must get done, too.
	indexAttempts = 4
	// indexPause lets those through that were waiting.
	indexPause = 20 * time.Millisecond
)

// buildIndex indexes what is staged, in one transaction: a second or two for a million
// records. A write that comes meanwhile, such as a promise in an election, interrupts it,
// and it begins again.
func (st *staging) buildIndex(ctx context.Context) error {
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	defer context.AfterFunc(st.s.ctx, stop)() // Close doesn't wait for it
	if st.built {
		return nil
	}
	for attempt := 1; ; attempt++ {
		if st.s.ctx.Err() != nil {
			return ErrClosed
		}
		err := st.write("index records", func() error { return st.tryIndex(ctx, attempt == indexAttempts) })
		st.built = err == nil
		switch {
		case err == nil:
			return nil
		case st.s.ctx.Err() != nil:
			return ErrClosed
		case ctx.Err() != nil || !errors.Is(err, context.Canceled):
			return err
		}
		pause(ctx, indexPause)
	}
}

// tryIndex is buildIndex within its transaction; toTheEnd: it makes way for nobody.
func (st *staging) tryIndex(ctx context.Context, toTheEnd bool) error {
	build := func(ctx context.Context) error { return copyIndex(ctx, st.conn, "records", stagingTable) }
	if toTheEnd {
		return build(ctx)
	}
	return st.s.writer.queue.interruptible(ctx, build)
}
