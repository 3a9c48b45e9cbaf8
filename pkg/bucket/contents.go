package bucket

import (
	"context"
	"slices"
	"strings"

	"github.com/netsy-io/netsy/pkg/objectlog"
	"github.com/netsy-io/netsy/pkg/objectstore"
	"github.com/netsy-io/netsy/pkg/objectstore/retry"
	"github.com/netsy-io/netsy/pkg/record"
	"github.com/netsy-io/netsy/pkg/registry"
)

// Keys that have no constant of their own elsewhere.
const (
	ElectorLockKey   = "leader/elector.json"
	CompactorLockKey = "leader/compactor.json"
	BootstrapKey     = "bootstrap.netsy"
	probePrefix      = "probe/" // scratch keys of a process that is just starting
)

// File is a chunk or a snapshot as a listing shows it. Nothing says yet that it is sound.
type File struct {
	Revision record.Revision // a chunk's first, a snapshot's last
	objectstore.Info
}

// Contents is what is in a bucket. Chunks and snapshots ascend by revision.
type Contents struct {
	Snapshots []File
	Chunks    []File
	Nodes     []objectstore.Info
	Documents []objectstore.Info // every other key that Netsy makes
	Foreign   []objectstore.Info // keys that it doesn't make
	Objects   int
	Bytes     int64
}

// Has says whether there is a document of that key.
func (c *Contents) Has(key string) bool {
	return slices.ContainsFunc(c.Documents, func(o objectstore.Info) bool { return o.Key == key })
}

// List lists the bucket. The snapshots are listed first: so, of each that is shown, the
// chunks that it was made of are shown too, unless they have been freed.
func List(ctx context.Context, st objectstore.Store) (c Contents, err error) {
	if c.Snapshots, err = listSnapshots(ctx, st, &c); err != nil {
		return Contents{}, err
	}
	snapshots := c
	err = retry.Do(ctx, retry.Attempts, quietly, func() error {
		c = snapshots
		c.Foreign = slices.Clone(snapshots.Foreign)
		return objectstore.ListAll(ctx, st, "", "", func(o objectstore.Info) error {
			if !strings.HasPrefix(o.Key, objectlog.SnapshotPrefix) {
				c.add(o)
			}
			return nil
		})
	})
	return c, err
}

// Snapshots lists the snapshots alone, ascending; keys that Netsy doesn't make are left out.
func Snapshots(ctx context.Context, st objectstore.Store) ([]File, error) {
	return listSnapshots(ctx, st, &Contents{})
}

func listSnapshots(ctx context.Context, st objectstore.Store, c *Contents) ([]File, error) {
	var found Contents
	err := retry.Do(ctx, retry.Attempts, quietly, func() error {
		found = Contents{}
		return objectstore.ListAll(ctx, st, objectlog.SnapshotPrefix, "", func(o objectstore.Info) error {
			found.add(o)
			return nil
		})
	})
	c.Foreign, c.Objects, c.Bytes = found.Foreign, found.Objects, found.Bytes
	return found.Snapshots, err
}

// add sorts one object in.
func (c *Contents) add(o objectstore.Info) {
	c.Objects, c.Bytes = c.Objects+1, c.Bytes+o.Size
	switch {
	case strings.HasPrefix(o.Key, objectlog.SnapshotPrefix):
		if rev, err := objectlog.ParseSnapshotKey(o.Key); err == nil {
			c.Snapshots = append(c.Snapshots, File{rev, o})
			return
		}
	case strings.HasPrefix(o.Key, objectlog.ChunkPrefix):
		if rev, err := objectlog.ParseChunkKey(o.Key); err == nil {
			c.Chunks = append(c.Chunks, File{rev, o})
			return
		}
	case strings.HasPrefix(o.Key, registry.NodesPrefix):
		c.Nodes = append(c.Nodes, o)
		return
	case o.Key == registry.ClusterKey, o.Key == registry.MembersKey, o.Key == ElectorLockKey, o.Key == CompactorLockKey,
		o.Key == BootstrapKey, strings.HasPrefix(o.Key, probePrefix):
		c.Documents = append(c.Documents, o)
		return
	}
	c.Foreign = append(c.Foreign, o)
}

// quietly is told of attempts that will be followed by another.
func quietly(int, error) {}
