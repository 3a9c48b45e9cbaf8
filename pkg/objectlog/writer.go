package objectlog

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"time"

	"github.com/netsy-io/netsy/pkg/datafile"
	"github.com/netsy-io/netsy/pkg/logevent"
	"github.com/netsy-io/netsy/pkg/objectstore"
	"github.com/netsy-io/netsy/pkg/record"
)

// Writer extends the chain in one reign, one slot at a time. It is not safe for
// concurrent use. Its first error is its last: every later call returns it again.
type Writer struct {
	log      *Log
	epoch    record.Epoch
	leaderID string
	next     record.Revision
	verified bool // the first slot won in this reign was not a freed one
	err      error
}

// NewWriter makes the writer of leaderID's reign in epoch; next is the slot behind
// the end of the chain that was read. A starting Primary that adopts another's chunk
// makes a new one.
func (l *Log) NewWriter(epoch record.Epoch, leaderID string, next record.Revision) *Writer {
	return &Writer{log: l, epoch: epoch, leaderID: leaderID, next: next}
}

// Next returns the revision that the next chunk must begin with.
func (w *Writer) Next() record.Revision { return w.next }

// Append wins the next slot with recs as one chunk; they begin at Next and hold whole
// revisions. When it returns nil the chunk is part of the log for ever.
//
// It goes on until the slot's fate is known or ctx ends. Errors: *SlotLostError,
// ErrSlotFreed, ErrOutcomeUnknown, ErrUsage, or else the chunk is certainly not in
// the log, now or later.
func (w *Writer) Append(ctx context.Context, recs []record.Record) (ChunkInfo, error) {
	if w.err != nil {
		return ChunkInfo{}, w.err
	}
	began := time.Now()
	info, err := w.append(ctx, recs)
	if err != nil {
		w.err = err
		return ChunkInfo{}, err
	}
	m := w.log.metrics
	m.appended.Inc()
	m.appendedBytes.Add(float64(info.Size))
	m.appendSeconds.Observe(time.Since(began).Seconds())
	return info, nil
}

func (w *Writer) append(ctx context.Context, recs []record.Record) (ChunkInfo, error) {
	if len(recs) == 0 || recs[0].Revision != w.next {
		return ChunkInfo{}, fmt.Errorf("objectlog: %w: %d records for slot %d, which must begin with that revision", ErrUsage, len(recs), w.next)
	}
	h := datafile.Header{Kind: datafile.Chunk, LeaderID: w.leaderID, CreatedAt: time.Now().UTC(), Epoch: w.epoch, ChunkID: w.log.newID()}
	body, err := datafile.EncodeChunk(h, recs)
	if err != nil {
		return ChunkInfo{}, fmt.Errorf("objectlog: %w: slot %d: %w", ErrUsage, w.next, err)
	}
	a := attempt{log: w.log, key: ChunkKey(w.next), body: body, header: h}
	if err := a.win(ctx); err != nil {
		return ChunkInfo{}, err
	}
	if !w.verified {
		if err := w.verifyFirst(ctx); err != nil {
			return ChunkInfo{}, err
		}
	}
	info := infoOf(h, recs, len(body))
	w.next = info.Last.Revision + 1
	return info, nil
}

// verifyFirst looks, after the first slot won in a reign and before anything else is
// sent, whether that slot had been used and freed while this writer was paused.
func (w *Writer) verifyFirst(ctx context.Context) error {
	above, _, err := w.log.listPage(ctx, SnapshotPrefix, w.next-1, 1, 0)
	if err != nil {
		return fmt.Errorf("objectlog: %w: slot %d was won, but may have been a freed one: %w", ErrOutcomeUnknown, w.next, err)
	}
	if len(above) > 0 {
		return fmt.Errorf("objectlog: %w: slot %q, snapshot %q", ErrSlotFreed, ChunkKey(w.next), SnapshotKey(above[0].first))
	}
	w.verified = true
	return nil
}

func randomID() datafile.ChunkID {
	var b [16]byte
	rand.Read(b[:]) // never fails
	return datafile.ChunkID(b[:])
}

// attempt is the struggle for one slot.
type attempt struct {
	log    *Log
	key    string
	body   []byte
	header datafile.Header
	loose  bool // a write of body may have landed, or may still
}

// win sends the chunk until it is known whose slot it is.
func (a *attempt) win(ctx context.Context) error {
	for n := 1; ; n++ {
		_, err := a.log.store.Put(ctx, a.key, a.body, objectstore.IfAbsent())
		switch {
		case err == nil:
			return nil
		case objectstore.Retryable(err): // it had no effect
		case errors.Is(err, objectstore.ErrPermanent):
			return a.giveUp(err)
		default:
			// Unknown, or refused, which may be the echo of our own success. Only the
			// slot can tell.
			a.loose = true
			if decided, err := a.readBack(ctx); decided || err != nil {
				return err
			}
		}
		a.log.metrics.retries.WithLabelValues("put").Inc()
		a.log.logger.Warn("chunk not yet in the log, sending it again", "event", logevent.ObjectLogResend, "key", a.key, "attempt", n, "error", err)
		if cause := pause(ctx, n); cause != nil {
			return a.giveUp(errors.Join(cause, err))
		}
	}
}

// readBack looks whose chunk is in the slot. An empty slot decides nothing: what was
// sent may still be on its way.
func (a *attempt) readBack(ctx context.Context) (decided bool, err error) {
	a.log.metrics.readBacks.Inc()
	found, err := a.log.header(ctx, a.key, 0)
	if errors.Is(err, objectstore.ErrNotFound) {
		return false, nil
	}
	if err != nil {
		return false, a.giveUp(err)
	}
	switch judgeSlot(&found, &a.header) {
	case won:
		return true, nil
	case freed:
		return true, fmt.Errorf("objectlog: %w: slot %q holds its tombstone", ErrSlotFreed, a.key)
	default:
		a.log.metrics.slotsLost.Inc()
		return true, &SlotLostError{Key: a.key, Winner: found}
	}
}

// giveUp says what is known of the slot when nothing more can be done.
func (a *attempt) giveUp(err error) error {
	if a.loose {
		return fmt.Errorf("objectlog: %w: %q: %w", ErrOutcomeUnknown, a.key, err)
	}
	return fmt.Errorf("objectlog: %q was not written: %w", a.key, err)
}
