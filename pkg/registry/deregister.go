package registry

import (
	"context"
	"errors"
	"fmt"

	"github.com/netsy-io/netsy/pkg/objectstore"
)

// DeleteNode deletes the registration n, exactly the version that n was read as.
// nil: no registration of this node is there. ErrConflict: n is gone, but the node
// has registered again; it is for whoever calls to look at that one anew. With
// ErrUnknownOutcome the deletion may have happened or may still: calling it again
// with the same n is right, as it is after objectstore.ErrUnavailable. Deleting one
// registration from several processes is harmless.
//
// The elector in office calls it, and only for a node that cluster.json names neither
// as Primary nor as voter: with the registration goes the start count by which a
// rolled-back disk image is known, and what such a disk has forgotten must not
// matter. (An operator may do so for another, and is told about disk images.) Its
// member id stays in members.json.
func (r *Registry) DeleteNode(ctx context.Context, n Node) error {
	if n.version == "" {
		return fmt.Errorf("registry: deleting %s: the registration was never read", NodeKey(n.NodeID))
	}
	key := NodeKey(n.NodeID)
	err := r.store.Delete(ctx, key, objectstore.IfMatch(n.version))
	switch {
	case err == nil:
		return nil
	case errors.Is(err, objectstore.ErrPreconditionFailed), errors.Is(err, objectstore.ErrUnknownOutcome):
		return r.resolveDelete(ctx, key, n.version, err)
	default:
		return fmt.Errorf("registry: deleting %s: %w", key, err)
	}
}

// resolveDelete looks what is there after a lost reply, and after a refusal, which
// may be the echo of our own success. Only the version is looked at: what can't be
// understood is another registration all the same.
func (r *Registry) resolveDelete(ctx context.Context, key string, deleted objectstore.Version, cause error) error {
	now, err := r.store.Stat(ctx, key)
	switch {
	case errors.Is(err, objectstore.ErrNotFound):
		return nil
	case err != nil:
		return fmt.Errorf("%w: deleting %s: %w; looking at it: %w", ErrUnknownOutcome, key, cause, err)
	case now.Version != deleted:
		return fmt.Errorf("%w: deleting %s: %w", ErrConflict, key, cause)
	default:
		return fmt.Errorf("%w: deleting %s: %w", ErrUnknownOutcome, key, cause)
	}
}
