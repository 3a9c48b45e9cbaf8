package leaderlock

import (
	"context"

	"github.com/netsy-io/netsy/pkg/objectstore"
)

// Read returns who holds the lock at key, for those who don't compete for it. The
// zero Holder: it was released. objectstore.ErrNotFound: nobody ever held it.
func Read(ctx context.Context, store objectstore.Store, key, clusterID string) (Holder, error) {
	h, _, err := ReadVersion(ctx, store, key, clusterID)
	return h, err
}

// ReadVersion is Read, with the token of the version that was read. A holder that lives
// renews the lock, so that the token changes.
func ReadVersion(ctx context.Context, store objectstore.Store, key, clusterID string) (Holder, objectstore.Version, error) {
	b, info, err := objectstore.ReadAll(ctx, store, key, maxSize)
	if err != nil {
		return Holder{}, "", err
	}
	s, err := parse(b, info.Version, key, clusterID)
	if err != nil {
		return Holder{}, "", err
	}
	return Holder{LeaderID: s.LeaderID, Address: s.Address}, info.Version, nil
}
