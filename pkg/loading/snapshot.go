package loading

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/netsy-io/netsy/pkg/datafile"
	"github.com/netsy-io/netsy/pkg/mvcc"
	"github.com/netsy-io/netsy/pkg/objectstore"
	"github.com/netsy-io/netsy/pkg/record"
	"github.com/netsy-io/netsy/pkg/snapshot"
)

const (
	// loadBatch is how many records are handed on at a time.
	loadBatch = 4096
	// progressEvery is how often a long load says how far it is.
	progressEvery = 5 * time.Second
)

// load replaces the local copy by the snapshot at rev. One that turns out to be damaged
// is set aside for this CatchUp, which then looks again.
func (l *loader) load(ctx context.Context, rev record.Revision) error {
	l.Logger.Info("loading a snapshot", "event", "snapshot_loading", "revision", rev, "local_tail", l.Store.Tail().String())
	began := time.Now()
	n, err := l.copySnapshot(ctx, rev)
	switch {
	case errors.Is(err, datafile.ErrCorrupt), errors.As(err, new(*mvcc.LoadError)):
		l.isDamaged(rev, err)
		return fmt.Errorf("%w: revision %d: %w", errSnapshotDamaged, rev, err)
	case errors.Is(err, objectstore.ErrNotFound):
		return fmt.Errorf("%w: revision %d: %w", errSnapshotGone, rev, err)
	case err != nil:
		return fmt.Errorf("loading: snapshot at revision %d: %w", rev, err)
	}
	l.Metrics.snapshots.Inc()
	l.Logger.Info("loaded a snapshot", "event", "snapshot_loaded", "revision", rev, "records", n, "seconds", time.Since(began).Seconds())
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
	last, n, err := l.stage(ctx, r, into)
	if err != nil {
		return n, errors.Join(err, into.Abort())
	}
	return n, into.Commit(ctx, last, purged(r.Header(), last.Revision))
}

// purged is up to where a snapshot is reduced. Other writers don't say it: with fewer records
// than revisions, what is there can only be taken as the state at the end.
func purged(h datafile.Header, last record.Revision) record.Revision {
	if h.Purged == 0 && h.RecordsCount < int64(last) {
		return last - 1
	}
	return h.Purged
}

// stage copies all records. Nothing of them shows until they are committed.
func (l *loader) stage(ctx context.Context, r *snapshot.Reader, into *mvcc.Load) (last record.Pos, n int64, err error) {
	batch := make([]record.Record, 0, loadBatch)
	flush := func() error {
		err := into.Add(ctx, batch)
		l.Metrics.records.Add(float64(len(batch)))
		batch = batch[:0]
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
		batch, last = append(batch, rec), rec.Pos()
		n++
		if len(batch) < loadBatch {
			continue
		}
		if err := flush(); err != nil {
			return last, n, err
		}
		if time.Since(said) >= progressEvery {
			said = time.Now()
			l.Logger.Info("loading a snapshot", "event", "snapshot_loading", "records", n, "of", r.Header().RecordsCount)
		}
	}
}
