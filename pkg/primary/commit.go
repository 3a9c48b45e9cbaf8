package primary

import (
	"context"
	"errors"
	"fmt"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/netsy-io/netsy/pkg/objectlog"
	"github.com/netsy-io/netsy/pkg/record"
)

// commit is the committer: the one goroutine that makes batches durable, in
// order, publishes them and answers their proposals. It returns why the reign
// must end: a batch that can't be committed is never undone and tried again in
// the same epoch, for no (epoch, revision) may be assigned twice.
func (r *Reign) commit(ctx context.Context, log *objectlog.Writer) error {
	for {
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case r.ready <- struct{}{}:
		}
		var b *batch
		select {
		case b = <-r.batches:
		case <-ctx.Done():
			// The sequencer may have been handing over: it is gone now, or the
			// batch lies in the channel.
			<-r.sequencerGone
			select {
			case b = <-r.batches:
				b.fail(ErrNotPrimary)
			default:
			}
			return context.Cause(ctx)
		}
		if len(b.records) == 0 {
			r.commitObservations(ctx, b)
			continue
		}
		if err := r.commitBatch(ctx, log, b); err != nil {
			b.fail(fmt.Errorf("%w: %w", ErrUnknownOutcome, err))
			return err
		}
	}
}

// commitObservations answers a batch that changes nothing: failed compares, reads.
// All that they saw is committed, as batches commit in order, but like any read
// they need proof that the reign goes on.
func (r *Reign) commitObservations(ctx context.Context, b *batch) {
	if err := r.Confirm(ctx); err != nil {
		b.fail(fmt.Errorf("%w: %w", ErrNotPrimary, err))
		return
	}
	b.release()
}

func (r *Reign) commitBatch(ctx context.Context, log *objectlog.Writer, b *batch) error {
	chunk, err := r.store(ctx, log, b.records)
	if err != nil {
		return err
	}
	if err := r.publish(b, chunk); err != nil {
		return err
	}
	b.release()
	r.cfg.Metrics.observeBatch(b, time.Since(b.opened))
	return nil
}

// store puts the records into the next slot of the object log and, at the same
// time, into SQLite. Winning the slot is the commit; SQLite is waited for because
// history below the published revision is read from there.
func (r *Reign) store(ctx context.Context, log *objectlog.Writer, recs []record.Record) (objectlog.ChunkInfo, error) {
	var chunk objectlog.ChunkInfo
	g, gctx := errgroup.WithContext(ctx)
	g.Go(func() (err error) {
		if chunk, err = log.Append(gctx, recs); err != nil {
			return r.slotError(err)
		}
		return nil
	})
	g.Go(func() error {
		if err := r.cfg.Store.Append(ctx, recs); err != nil {
			return fmt.Errorf("primary: storing revisions %d to %d: %w", recs[0].Revision, recs[len(recs)-1].Revision, err)
		}
		return nil
	})
	return chunk, g.Wait()
}

func (r *Reign) publish(b *batch, chunk objectlog.ChunkInfo) error {
	last := b.records[len(b.records)-1].Pos()
	r.cfg.Store.SetLogged(chunk.First, last)
	if err := r.cfg.Store.Publish(b.snapshot); err != nil {
		return err
	}
	r.cfg.Hub.Publish(last.Revision, b.events)
	r.leases.Observe(b.events)
	return nil
}

// slotError turns a lost slot into what it means here: a later reign has begun.
func (r *Reign) slotError(err error) error {
	var lost *objectlog.SlotLostError
	if errors.As(err, &lost) {
		return &HigherEpochError{Own: r.cfg.Epoch, Seen: lost.Winner.Epoch, Where: lost.Key}
	}
	return fmt.Errorf("primary: object log: %w", err)
}
