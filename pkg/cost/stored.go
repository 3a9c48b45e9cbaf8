package cost

import (
	"context"

	"github.com/netsy-io/netsy/pkg/bucket"
	"github.com/netsy-io/netsy/pkg/objectstore"
)

// List lists the bucket, by kind of object.
func List(ctx context.Context, st objectstore.Store) ([]Stored, error) {
	c, err := bucket.List(ctx, st)
	if err != nil {
		return nil, err
	}
	sum := func(kind string, all []objectstore.Info) Stored {
		s := Stored{Kind: kind, Objects: len(all)}
		for _, o := range all {
			s.Bytes += o.Size
		}
		return s
	}
	infos := func(files []bucket.File) (all []objectstore.Info) {
		for _, f := range files {
			all = append(all, f.Info)
		}
		return all
	}
	return []Stored{
		sum("chunks", infos(c.Chunks)), sum("snapshots", infos(c.Snapshots)), sum("registrations", c.Nodes),
		sum("documents", c.Documents), sum("not Netsy's", c.Foreign),
	}, nil
}
