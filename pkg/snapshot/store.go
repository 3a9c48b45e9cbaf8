// Package snapshot reads, makes and publishes snapshots: the objects that stand for the
// chain of chunks up to a revision. DESIGN.md has the reasons; the rule of what a snapshot
// holds is in rule.go.
package snapshot

import (
	"context"
	"errors"
	"time"

	"github.com/hashicorp/go-hclog"

	"github.com/netsy-io/netsy/pkg/datafile"
	"github.com/netsy-io/netsy/pkg/logevent"
	"github.com/netsy-io/netsy/pkg/objectlog"
	"github.com/netsy-io/netsy/pkg/objectstore"
	"github.com/netsy-io/netsy/pkg/objectstore/retry"
	"github.com/netsy-io/netsy/pkg/record"
)

// Store is the snapshots of one bucket. It holds no state of its own and is safe for
// concurrent use.
type Store struct {
	store   objectstore.Store
	logger  hclog.Logger
	metrics *Metrics
	dir     string

	rangeSize int64 // of one download; tests make it small
}

// Options of a Store. The zero value works.
type Options struct {
	Logger  hclog.Logger // nil = none
	Metrics *Metrics     // nil = not registered
	Dir     string       // for the local files of Merge; "" = os.TempDir()
}

// New makes a Store over the objects in st.
func New(st objectstore.Store, o Options) *Store {
	s := &Store{store: st, logger: o.Logger, metrics: o.Metrics, dir: o.Dir, rangeSize: rangeSize}
	if s.logger == nil {
		s.logger = hclog.NewNullLogger()
	}
	if s.metrics == nil {
		s.metrics = NewMetrics(nil)
	}
	return s
}

// Listed is a snapshot as a listing shows it. Nothing says yet that it is sound.
type Listed struct {
	Revision record.Revision // its last
	Size     int64           // bytes
	Modified time.Time       // by the store's clock
	Version  objectstore.Version
}

// List returns all snapshots, ascending by revision. An object with a name that Netsy
// doesn't make is an error (objectlog.ErrForeignKey): its message says what to do.
func (s *Store) List(ctx context.Context) (all []Listed, err error) {
	err = s.retry(ctx, "list", func() error {
		all = nil
		return objectstore.ListAll(ctx, s.store, objectlog.SnapshotPrefix, "", func(o objectstore.Info) error {
			rev, err := objectlog.ParseSnapshotKey(o.Key)
			all = append(all, Listed{Revision: rev, Size: o.Size, Modified: o.Modified, Version: o.Version})
			return err
		})
	})
	if err != nil {
		return nil, err
	}
	return all, nil
}

// Header reads the header of the snapshot at rev with one small range read. The rest may
// still be damaged.
func (s *Store) Header(ctx context.Context, rev record.Revision) (h datafile.Header, err error) {
	key := objectlog.SnapshotKey(rev)
	err = s.retry(ctx, "get", func() error {
		h, err = objectlog.ReadHeader(ctx, s.store, key)
		return err
	})
	if err == nil {
		err = checkKind(key, &h)
	}
	return h, err
}

// NewestSound returns the newest snapshot whose header is sound; ok is false if there is
// none. Damaged ones are counted and logged, and passed over: whoever goes on from an
// older one needs the chunks behind it, and finds out if they are gone.
func (s *Store) NewestSound(ctx context.Context) (found Listed, h datafile.Header, ok bool, err error) {
	all, err := s.List(ctx)
	if err != nil {
		return Listed{}, datafile.Header{}, false, err
	}
	for i := len(all) - 1; i >= 0; i-- {
		h, err := s.Header(ctx, all[i].Revision)
		switch {
		case err == nil:
			return all[i], h, true, nil
		case objectlog.Damaged(err):
			s.metrics.damaged.Inc()
			s.logger.Error("a snapshot is damaged, looking for an older one", "event", logevent.SnapshotDamaged, "revision", all[i].Revision, "error", err)
		case !errors.Is(err, objectstore.ErrNotFound): // deleted since: as if it had not been listed
			return Listed{}, datafile.Header{}, false, err
		}
	}
	return Listed{}, datafile.Header{}, false, nil
}

// retry does a request again that found object storage unavailable.
func (s *Store) retry(ctx context.Context, op string, fn func() error) error {
	return retry.Do(ctx, retry.Attempts, func(attempt int, err error) {
		s.metrics.retries.WithLabelValues(op).Inc()
		s.logger.Warn("object storage is unavailable, trying again", "event", logevent.SnapshotRetry, "op", op, "attempt", attempt, "error", err)
	}, fn)
}
