package origin

import (
	"context"
	"errors"
	"fmt"

	"github.com/netsy-io/netsy/pkg/objectlog"
	"github.com/netsy-io/netsy/pkg/objectstore"
	"github.com/netsy-io/netsy/pkg/registry"
	"github.com/netsy-io/netsy/pkg/snapshot"
)

// found is what a look at the bucket shows.
type found struct {
	Holds
	bootstrap objectstore.Info  // zero: none
	snapshots []snapshot.Listed // as in Holds
}

// survey looks at the bucket, all but cluster.json. It takes no moment's picture: who
// refuses because of it reads cluster.json again first, which precedes whatever a cluster
// leaves behind.
func survey(ctx context.Context, st objectstore.Store, snaps *snapshot.Store) (found, error) {
	var f found
	var err error
	if _, f.Members, err = stat(ctx, st, registry.MembersKey); err != nil {
		return found{}, err
	}
	if f.bootstrap, f.Bootstrap, err = stat(ctx, st, BootstrapKey); err != nil {
		return found{}, err
	}
	page, err := st.List(ctx, objectlog.ChunkPrefix, "", 1)
	if err != nil {
		return found{}, fmt.Errorf("origin: looking for chunks: %w", err)
	}
	if len(page.Objects) > 0 {
		f.Chunk = page.Objects[0].Key
	}
	if f.snapshots, err = snaps.List(ctx); err != nil {
		return found{}, foreign(err)
	}
	for _, o := range f.snapshots {
		f.Snapshots = append(f.Snapshots, o.Revision)
	}
	return f, nil
}

// foreign: an object with a name that Netsy doesn't make is in the way until somebody has
// moved it: it may be a snapshot under a wrong name.
func foreign(err error) error {
	var chain *objectlog.ChainError
	if errors.As(err, &chain) && chain.Kind == objectlog.ErrForeignKey {
		return &Error{Kind: chain.Kind, Key: chain.Key, Err: chain.Err}
	}
	return fmt.Errorf("origin: looking for snapshots: %w", err)
}

func stat(ctx context.Context, st objectstore.Store, key string) (objectstore.Info, bool, error) {
	info, err := st.Stat(ctx, key)
	switch {
	case err == nil:
		return info, true, nil
	case errors.Is(err, objectstore.ErrNotFound):
		return objectstore.Info{}, false, nil
	default:
		return objectstore.Info{}, false, fmt.Errorf("origin: looking for %s: %w", key, err)
	}
}
