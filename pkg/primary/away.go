package primary

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/netsy-io/netsy/pkg/objectlog"
	"github.com/netsy-io/netsy/pkg/objectstore"
	"github.com/netsy-io/netsy/pkg/record"
)

// uploadPatience is how many times SlotTimeout one chunk of a start's upload may take:
// it is up to 4 MB where the seal is one record, and a slow link must not keep a node from
// ever becoming Primary.
const uploadPatience = 6

// slotDue is when the oldest batch will have waited too long for the object log: since
// it was taken, or since the log last took something, as there may be much before it.
// ok is false if nothing waits for the log: what receipts have committed is answered,
// however long it takes to get it into the log.
func (c *committer) slotDue() (at time.Time, ok bool) {
	for _, b := range c.inFlight {
		if len(b.records) == 0 {
			continue
		}
		if !c.eager() || b.last <= c.ledger.logged {
			return time.Time{}, false // receipts are waited for, or the local disk
		}
		at = b.taken
		if c.loggedAt.After(at) {
			at = c.loggedAt
		}
		return at.Add(c.r.cfg.SlotTimeout), true
	}
	return time.Time{}, false
}

// storageAway ends a reign that can't commit anything where another node may be able to:
// only this node may be cut off from object storage. Should it be away for all, nobody is
// elected until it is back. A node that is alone goes on trying.
func (c *committer) storageAway(now time.Time) error {
	at, ok := c.slotDue()
	if !ok || now.Before(at) || c.r.cfg.Alone != nil && c.r.cfg.Alone() {
		return nil
	}
	return fmt.Errorf("%w: revision %d waits for the object log since %v", ErrStorageAway, c.ledger.logged+1, c.r.cfg.SlotTimeout)
}

// appendWithin is Append for a starting Primary, which gives up after d.
func appendWithin(ctx context.Context, d time.Duration, w *objectlog.Writer, recs []record.Record) (objectlog.ChunkInfo, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, d, ErrStorageAway)
	defer cancel()
	info, err := w.Append(ctx, recs)
	if err != nil && errors.Is(context.Cause(ctx), ErrStorageAway) && !errors.Is(err, ErrStorageAway) {
		err = fmt.Errorf("%w: %w", ErrStorageAway, err)
	}
	return info, err
}

// readTerms reads the terms; one failure of object storage is no reason to give up a start.
func readTerms(ctx context.Context, cfg Config) (Terms, error) {
	const pause = 200 * time.Millisecond
	for began := time.Now(); ; {
		t, err := cfg.Office.Terms(ctx)
		if err == nil || !objectstore.Retryable(err) || time.Since(began) > cfg.SlotTimeout {
			return t, err
		}
		select {
		case <-ctx.Done():
			return t, errors.Join(context.Cause(ctx), err)
		case <-time.After(pause):
		}
	}
}
