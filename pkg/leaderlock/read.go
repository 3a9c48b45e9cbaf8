package leaderlock

import (
	"context"

	"github.com/netsy-io/netsy/pkg/objectstore"
)

// Read returns who holds the lock at key, for those who don't compete for it. The
// zero Holder: it was released. objectstore.ErrNotFound: nobody ever held it.
func Read(ctx context.Context, store objectstore.Store, key, clusterID string) (Holder, error) {
	b, info, err := objectstore.ReadAll(ctx, store, key, maxSize)
	if err != nil {
		return Holder{}, err
	}
	s, err := parse(b, info.Version, key, clusterID)
	if err != nil {
		return Holder{}, err
	}
	return Holder{LeaderID: s.LeaderID, Address: s.Address}, nil
}
