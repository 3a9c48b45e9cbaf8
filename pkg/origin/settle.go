package origin

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/hashicorp/go-hclog"

	"github.com/netsy-io/netsy/pkg/logevent"
	"github.com/netsy-io/netsy/pkg/objectlog"
	"github.com/netsy-io/netsy/pkg/objectstore"
	"github.com/netsy-io/netsy/pkg/record"
	"github.com/netsy-io/netsy/pkg/registry"
	"github.com/netsy-io/netsy/pkg/snapshot"
)

// Options of a Settler. Store, Registry and Snapshots are required.
type Options struct {
	Store     objectstore.Store
	Registry  *registry.Registry
	Snapshots *snapshot.Store
	Quorum    int          // for cluster.json, when it is created
	Logger    hclog.Logger // nil: none
}

// Settler settles what a cluster begins with. It remembers which objects it has read
// whole, so that trying again is cheap. It is not safe for concurrent use.
type Settler struct {
	o        Options
	judged   map[string]judgement // by key: of histories that were read whole
	promoted [2]objectstore.Info  // from and to, which were compared
	late     objectstore.Version  // of the bootstrap.netsy last reported as too late
}

// judgement of one version of an object, for good.
type judgement struct {
	version   objectstore.Version
	beginning registry.Beginning
	err       error // an *Error
}

// New makes a Settler.
func New(o Options) *Settler {
	if o.Logger == nil {
		o.Logger = hclog.NewNullLogger()
	}
	return &Settler{o: o, judged: map[string]judgement{}}
}

// Settle returns cluster.json, which it creates if there is none, with the history that it
// names in place: only then may an elector take office. An *Error needs somebody to
// change the bucket; registry.ErrUnknownOutcome, objectstore.ErrUnknownOutcome and
// objectstore.ErrUnavailable mean that trying again settles it. Whoever dies in here has
// done no harm: the next Settle, anybody's, goes on.
func (s *Settler) Settle(ctx context.Context) (registry.Cluster, error) {
	for {
		c, err := s.o.Registry.Cluster(ctx)
		before := c.Version()
		if errors.Is(err, registry.ErrNotFound) {
			c, err = s.create(ctx)
		}
		if err == nil && c.Office == 0 {
			err = s.complete(ctx, &c)
		}
		if !errors.As(err, new(*Error)) {
			return c, err
		}
		// What stands in the way may be the work of a cluster that has begun meanwhile. Each
		// further round needs another's write to cluster.json, and the first office ends them.
		now, readErr := s.o.Registry.Cluster(ctx)
		if readErr != nil && !errors.Is(readErr, registry.ErrNotFound) {
			return registry.Cluster{}, readErr
		}
		if now.Version() == before || now.Version() == c.Version() {
			return registry.Cluster{}, err
		}
	}
}

// create makes cluster.json of what the bucket holds.
func (s *Settler) create(ctx context.Context) (registry.Cluster, error) {
	f, err := survey(ctx, s.o.Store, s.o.Snapshots)
	if err != nil {
		return registry.Cluster{}, err
	}
	from, err := Begin(f.Holds)
	if err != nil {
		return registry.Cluster{}, err
	}
	b, err := s.judge(ctx, from, f)
	if err != nil {
		return registry.Cluster{}, err
	}
	b.Quorum = s.o.Quorum
	c, err := s.o.Registry.CreateCluster(ctx, b)
	if err == nil {
		s.o.Logger.Info("the cluster's first history is fixed", "event", logevent.ClusterOrigin, "from", from, "origin", c.Origin, "epoch", c.Epoch, "compaction_revision", c.CompactionRevision)
	}
	return c, err
}

// complete sees to it that the history that c names is in place.
func (s *Settler) complete(ctx context.Context, c *registry.Cluster) error {
	f, err := survey(ctx, s.o.Store, s.o.Snapshots)
	if err != nil {
		return err
	}
	from, err := Resume(c.Origin, f.Holds)
	if err != nil {
		return err
	}
	b, err := s.judge(ctx, from, f)
	if err != nil {
		return err
	}
	if b.Origin != c.Origin || b.Epoch != c.Epoch || b.CompactionRevision != c.CompactionRevision {
		key, _ := f.history(from)
		return refuse(ErrChanged, key, "it ends at revision %d of epoch %d, reduced below %d; %s says %d of epoch %d, below %d: "+
			"put the one back that was there, or, since nobody has reigned yet, stop the electors and remove %s to begin with what is there now",
			b.Origin, b.Epoch, b.CompactionRevision, registry.ClusterKey, c.Origin, c.Epoch, c.CompactionRevision, registry.ClusterKey)
	}
	if from == Bootstrap {
		return s.promote(ctx, f.bootstrap, objectlog.SnapshotKey(c.Origin))
	}
	return nil
}

// history is the key and version of the one that a cluster begins with.
func (f *found) history(from Source) (key string, version objectstore.Version) {
	switch from {
	case Snapshot:
		return objectlog.SnapshotKey(f.snapshots[0].Revision), f.snapshots[0].Version
	case Bootstrap:
		return BootstrapKey, f.bootstrap.Version
	default:
		return "", ""
	}
}

// judge reads the history whole, unless it has judged this very version before.
func (s *Settler) judge(ctx context.Context, from Source, f found) (registry.Beginning, error) {
	if from == Nothing {
		return registry.Beginning{}, nil
	}
	key, version := f.history(from)
	if j, ok := s.judged[key]; ok && j.version == version {
		return j.beginning, j.err
	}
	b, err := s.read(ctx, from, f)
	if err == nil || errors.As(err, new(*Error)) {
		s.judged[key] = judgement{version, b, err}
	}
	return b, err
}

func (s *Settler) read(ctx context.Context, from Source, f found) (registry.Beginning, error) {
	if from == Bootstrap {
		return s.readBootstrap(ctx, f.bootstrap)
	}
	return s.readSnapshot(ctx, f.snapshots[0].Revision)
}

// Late reports a bootstrap.netsy that came too late for a cluster that has begun empty: an
// *Error of ErrBootstrapLate, the first time that this version of it is seen.
func (s *Settler) Late(ctx context.Context, c *registry.Cluster) error {
	if c.Origin != 0 {
		return nil // it may be the one that the cluster began with
	}
	info, there, err := stat(ctx, s.o.Store, BootstrapKey)
	if err != nil || !there || info.Version == s.late {
		return err
	}
	s.late = info.Version
	return refuse(ErrBootstrapLate, BootstrapKey, "it is not used; remove it. To begin with it, put it alone into an empty prefix (storage.key_prefix) and start there")
}

// progress logs how far reading has come, every progressEvery.
func (s *Settler) progress(key string) func(done, of int64) {
	last := time.Now()
	return func(done, of int64) {
		if time.Since(last) < progressEvery {
			return
		}
		last = time.Now()
		s.o.Logger.Info("reading the cluster's first history", "event", logevent.ClusterOriginProgress, "key", key, "bytes", done, "of_bytes", of)
	}
}

const progressEvery = 10 * time.Second

// readSnapshot reads a snapshot whole.
func (s *Settler) readSnapshot(ctx context.Context, rev record.Revision) (registry.Beginning, error) {
	key := objectlog.SnapshotKey(rev)
	report := s.progress(key)
	info, err := s.o.Snapshots.Verify(ctx, rev, func(p snapshot.Progress) { report(p.Bytes, p.OfBytes) })
	if err != nil {
		return registry.Beginning{}, unreadable(key, err)
	}
	return beginning(key, info.Last, reducedTo(info))
}

// reducedTo is the revision up to which a snapshot's history is reduced. Other writers don't
// say: if something was left out, it may have been anywhere below the last revision.
func reducedTo(info snapshot.Info) record.Revision {
	if info.Purged == 0 && info.Records < int64(info.Last.Revision) { // datafile.Header.ReducedTo: the same, plus one
		return info.Last.Revision - 1
	}
	return info.Purged
}

// unreadable tells what is wrong with the file from what is wrong with reading it.
func unreadable(key string, err error) error {
	switch {
	case errors.As(err, new(*Error)):
		return err
	case objectlog.Damaged(err):
		return refuse(ErrDamaged, key, "%w; use another copy of it", err)
	case errors.Is(err, objectstore.ErrNotFound), errors.Is(err, snapshot.ErrChanged): // somebody is at work there: look again
		return objectstore.Errorf(objectstore.ErrUnavailable, "get", key, "%v", err)
	default:
		return fmt.Errorf("origin: reading %s: %w", key, err)
	}
}
