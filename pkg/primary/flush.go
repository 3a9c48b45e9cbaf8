package primary

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/netsy-io/netsy/pkg/objectlog"
)

// logNext sends the next chunk to the object log, if one is due. On the
// object-storage path everything is due at once, and winning the slot is what
// commits it; with receipts only what is committed goes, once it is enough or old enough.
func (c *committer) logNext(ctx context.Context, now time.Time) {
	if c.logging || len(c.unlogged) == 0 || !c.eager() && !c.flushDue(now) {
		return
	}
	n, bytes := 0, 0
	for n < len(c.unlogged) && bytes < maxBatchBytes && (c.eager() || c.unlogged[n].last <= c.ledger.acknowledged) {
		bytes += c.unlogged[n].bytes
		n++
	}
	if n == 0 {
		return
	}
	recs := recordsOf(c.unlogged[:n])
	c.logging = true
	c.r.goFunc(func(context.Context) {
		info, err := c.log.Append(ctx, recs)
		c.results <- func() error { return c.logged(n, bytes, info, err) }
	})
}

// flushDue says whether committed records wait that are enough, or old enough.
func (c *committer) flushDue(now time.Time) bool {
	return c.unlogged[0].last <= c.ledger.acknowledged &&
		(c.unloggedB >= c.r.cfg.FlushBytes || now.Sub(c.unlogged[0].taken) >= c.r.cfg.FlushAge)
}

func (c *committer) logged(n, bytes int, info objectlog.ChunkInfo, err error) error {
	c.logging = false
	if err != nil {
		return c.slotError(err)
	}
	clear(c.unlogged[:n])
	c.unlogged = c.unlogged[n:]
	c.unloggedB -= bytes
	c.r.full.Store(c.unloggedB >= c.r.cfg.MaxUnlogged)
	c.meterUnlogged()
	c.ledger.logged = info.Last.Revision
	c.chunk, c.loggedAt = info, time.Now()
	c.feed.Logged(info.First, info.Last)
	c.noteLogged()
	return nil
}

// meterUnlogged shows what waits for the object log.
func (c *committer) meterUnlogged() {
	var oldest time.Time
	if len(c.unlogged) > 0 {
		oldest = c.unlogged[0].taken
	}
	c.r.cfg.Metrics.noteUnlogged(c.unloggedB, oldest)
}

// noteLogged tells the local copy how far the object log has come, once it has come
// as far itself.
func (c *committer) noteLogged() {
	if c.chunk.First > 0 && c.chunk.Last.Revision <= c.ledger.stored {
		c.r.cfg.Store.SetLogged(c.chunk.First, c.chunk.Last)
	}
}

// slotError turns a lost slot into what it means here: a later reign has begun.
func (c *committer) slotError(err error) error {
	var lost *objectlog.SlotLostError
	if errors.As(err, &lost) {
		return &HigherEpochError{Own: c.r.cfg.Epoch, Seen: lost.Winner.Epoch, Where: lost.Key}
	}
	return fmt.Errorf("primary: object log: %w", err)
}

// flushedAt is when the records that are committed and not in the object log must go there.
func (c *committer) flushedAt() (time.Time, bool) {
	if len(c.unlogged) == 0 || c.logging || c.unlogged[0].last > c.ledger.acknowledged {
		return time.Time{}, false
	}
	return c.unlogged[0].taken.Add(c.r.cfg.FlushAge), true
}
