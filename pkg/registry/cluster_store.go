package registry

import (
	"context"
	"errors"
	"fmt"

	"github.com/netsy-io/netsy/pkg/objectstore"
	"github.com/netsy-io/netsy/pkg/record"
)

// maxConflicts bounds the rounds of a read-modify-write. Writers are few (one
// elector in office, one Primary): more conflicts in a row mean that something
// else is wrong.
const maxConflicts = 16

// Cluster reads cluster.json. ErrNotFound if there is none yet.
func (r *Registry) Cluster(ctx context.Context) (Cluster, error) {
	b, info, err := objectstore.ReadAll(ctx, r.store, ClusterKey, maxDocument)
	if err != nil {
		return Cluster{}, readError(ClusterKey, err)
	}
	return parseCluster(b, info.Version, r.clusterID)
}

func readError(key string, err error) error {
	if errors.Is(err, objectstore.ErrNotFound) {
		return fmt.Errorf("%w: %s: %w", ErrNotFound, key, err)
	}
	return fmt.Errorf("registry: reading %s: %w", key, err)
}

// Beginning is what a cluster begins with.
type Beginning struct {
	Quorum int // of Durability; -1: a majority

	// The history that is there before the first reign; zero: none.
	Origin             record.Revision // its last revision
	Epoch              record.Epoch    // of that revision: the first reign's is above it
	CompactionRevision record.Revision // what is below it is reduced
}

// CreateCluster creates cluster.json: in object-storage mode without voters, no elector
// in office. What it begins with is fixed from then on. Of several that create it at once
// one wins, and all return the winner's: it may begin otherwise.
func (r *Registry) CreateCluster(ctx context.Context, b Beginning) (Cluster, error) {
	c := Cluster{
		ClusterID: r.clusterID, Origin: b.Origin, Epoch: b.Epoch, CompactionRevision: b.CompactionRevision,
		Durability: Durability{Mode: ModeObjectStorage, Quorum: b.Quorum, Voters: []NodeRef{}},
	}
	if b.Origin == 0 && (b.Epoch != 0 || b.CompactionRevision != 0) || b.CompactionRevision > b.Origin {
		return Cluster{}, fmt.Errorf("registry: creating %s: epoch %d and compaction_revision %d don't go with origin %d", ClusterKey, b.Epoch, b.CompactionRevision, b.Origin)
	}
	if err := c.Durability.validate(); err != nil {
		return Cluster{}, fmt.Errorf("registry: creating %s: %w", ClusterKey, err)
	}
	c, err := r.putCluster(ctx, c, objectstore.IfAbsent())
	if errors.Is(err, ErrConflict) {
		return r.Cluster(ctx)
	}
	return c, err
}

// EnsureCluster reads cluster.json and creates that of an empty cluster if it is absent.
func (r *Registry) EnsureCluster(ctx context.Context, quorum int) (Cluster, error) {
	c, err := r.Cluster(ctx)
	if errors.Is(err, ErrNotFound) {
		return r.CreateCluster(ctx, Beginning{Quorum: quorum})
	}
	return c, err
}

// SwapCluster makes one compare-and-swap from exactly the version that from is:
// fn changes a copy of it. It returns the new version; ErrConflict if another
// version is there; ErrUnknownOutcome if the write may have happened or may still.
func (r *Registry) SwapCluster(ctx context.Context, from Cluster, fn func(*Cluster) error) (Cluster, error) {
	c := from
	c.Durability = from.Durability.Clone()
	if err := fn(&c); err != nil {
		return Cluster{}, err
	}
	c.Durability = c.Durability.Clone() // fn's voters stay the caller's own
	if c.ClusterID != from.ClusterID || c.Origin != from.Origin || c.Seq != from.Seq || c.Epoch < from.Epoch || c.Office < from.Office {
		return Cluster{}, fmt.Errorf("registry: %s: a change of cluster_id, origin or seq, or of epoch or office backwards, is never right", ClusterKey)
	}
	if c.LeaseTimeout < from.LeaseTimeout && c.Epoch == from.Epoch {
		return Cluster{}, fmt.Errorf("registry: %s: lease_timeout_nanos goes down only with a new epoch, which begins when all leases are over", ClusterKey)
	}
	return r.putCluster(ctx, c, objectstore.IfMatch(from.version))
}

func (r *Registry) putCluster(ctx context.Context, c Cluster, cond objectstore.Condition) (Cluster, error) {
	body := c.encode()
	if err := c.validate(); err != nil {
		return Cluster{}, fmt.Errorf("registry: refusing to write: %w", err)
	}
	v, err := r.cas(ctx, ClusterKey, body, c.WriteID, cond, func(ctx context.Context) (document, error) {
		now, err := r.Cluster(ctx)
		return document{now.WriteID, now.version}, err
	})
	if err != nil {
		return Cluster{}, err
	}
	c.version = v
	return c, nil
}

// UpdateCluster reads cluster.json, lets fn change it and swaps it in, again from
// the start when another writer was first. fn may run several times; its error
// ends the update and is returned as it is. An unknown outcome is returned, not
// retried: only the caller knows whether its change still makes sense.
func (r *Registry) UpdateCluster(ctx context.Context, fn func(*Cluster) error) (Cluster, error) {
	for range maxConflicts {
		c, err := r.Cluster(ctx)
		if err != nil {
			return Cluster{}, err
		}
		c, err = r.SwapCluster(ctx, c, fn)
		if !errors.Is(err, ErrConflict) {
			return c, err
		}
	}
	return Cluster{}, fmt.Errorf("%w: %s", ErrBusy, ClusterKey)
}

// UpdateAsPrimary is UpdateCluster for the Primary: the document must name its own
// epoch and incarnation when it is read, and so when it is swapped; else
// ErrDeposed, and nothing is written.
func (r *Registry) UpdateAsPrimary(ctx context.Context, epoch record.Epoch, self NodeRef, fn func(*Cluster) error) (Cluster, error) {
	return r.UpdateCluster(ctx, func(c *Cluster) error {
		if err := c.Reigns(epoch, self); err != nil {
			return err
		}
		before := *c
		if err := fn(c); err != nil {
			return err
		}
		if c.Epoch != before.Epoch || c.Primary != before.Primary || c.Office != before.Office || c.LeaseTimeout != before.LeaseTimeout {
			return fmt.Errorf("registry: %s: office, epoch, primary and lease_timeout_nanos are the elector's to change", ClusterKey)
		}
		return nil
	})
}

// Reigns returns nil if the document names self as Primary of epoch, else a
// *DeposedError.
func (c *Cluster) Reigns(epoch record.Epoch, self NodeRef) error {
	if c.Epoch == epoch && c.Primary == self && !self.IsZero() {
		return nil
	}
	return &DeposedError{Epoch: epoch, Self: self, NowEpoch: c.Epoch, Primary: c.Primary}
}
