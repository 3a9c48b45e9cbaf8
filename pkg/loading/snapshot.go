package loading

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/netsy-io/netsy/pkg/datafile"
	"github.com/netsy-io/netsy/pkg/logevent"
	"github.com/netsy-io/netsy/pkg/mvcc"
	"github.com/netsy-io/netsy/pkg/objectstore"
	"github.com/netsy-io/netsy/pkg/record"
	"github.com/netsy-io/netsy/pkg/snapshot"
)

const (
	// loadBatch and loadBatchBytes bound the records that are handed on at a time.
	loadBatch      = 4096
	loadBatchBytes = 4 << 20
	// progressEvery is how often a long load says how far it is.
	progressEvery = 5 * time.Second
)

// load replaces the local copy by the snapshot at rev. One that turns out to be damaged
// is set aside for this CatchUp, which then looks again.
func (l *loader) load(ctx context.Context, rev record.Revision) error {
	l.Logger.Info("loading a snapshot", "event", logevent.SnapshotLoading, "revision", rev, "local_tail", l.Store.Tail().String())
	began := time.Now()
	n, err := l.copySnapshot(ctx, rev)
	switch {
	case errors.Is(err, datafile.ErrCorrupt), errors.As(err, new(*mvcc.LoadError)), errors.As(err, new(*mvcc.OrderError)):
		l.isDamaged(rev, err)
		return fmt.Errorf("%w: revision %d: %w", errSnapshotDamaged, rev, err)
	case errors.Is(err, objectstore.ErrNotFound):
		return fmt.Errorf("%w: revision %d: %w", errSnapshotGone, rev, err)
	case err != nil:
		return fmt.Errorf("loading: snapshot at revision %d: %w", rev, err)
	}
	l.Metrics.snapshots.Inc()
	l.Logger.Info("loaded a snapshot", "event", logevent.SnapshotLoaded, "revision", rev, "records", n, "seconds", time.Since(began).Seconds())
	return nil
}

func (l *loader) copySnapshot(ctx context.Context, rev record.Revision) (n int64, err error) {
	r, err := l.Snapshots.Open(ctx, rev)
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, r.Close()) }()
	into, err := l.Store.BeginLoad(ctx)
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, into.Abort()) }() // no effect after Commit
	last, n, err := l.stage(ctx, r, into)
	if err != nil {
		return n, err
	}
	h := r.Header()
	return n, into.Commit(ctx, last, h.ReducedTo(last.Revision))
}

// stage copies all records. Nothing of them shows until they are committed.
func (l *loader) stage(ctx context.Context, r *snapshot.Reader, into *mvcc.Load) (last record.Pos, n int64, err error) {
	batch, size := make([]record.Record, 0, loadBatch), 0
	flush := func() error {
		err := into.Add(ctx, batch)
		l.Metrics.records.Add(float64(len(batch)))
		batch, size = batch[:0], 0
		return err
	}
	said := time.Now()
	for {
		rec, err := r.Next()
		if err == io.EOF {
			return last, n, flush()
		}
		if err != nil {
			return last, n, err
		}
		batch, last, size = append(batch, rec), rec.Pos(), size+rec.Size()
		n++
		if len(batch) < loadBatch && size < loadBatchBytes {
			continue
		}
		if err := flush(); err != nil {
			return last, n, err
		}
		if time.Since(said) >= progressEvery {
			said = time.Now()
			l.Logger.Info("loading a snapshot", "event", logevent.SnapshotLoading, "records", n, "of", r.Header().RecordsCount)
		}
	}
}
