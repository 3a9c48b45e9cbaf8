package elector

import (
	"context"
	"time"
)

// seeOutTimeout bounds the wait of SeeOut: for a Primary to be elected, to flush some
// megabytes, and for two looks.
const seeOutTimeout = 3 * time.Second

// SeeOut waits until the node with the given id, which has stopped on purpose, is
// deregistered, if this elector is in office and there are others, but not for long.
// An elector that ends with the node would leave it to a successor that doesn't know that
// the node won't come back.
func (e *Elector) SeeOut(ctx context.Context, nodeID string) {
	o := e.office.Load()
	if o == nil || len(o.all()) < 2 {
		return
	}
	n := o.node(nodeID)
	if n == nil {
		return
	}
	t := time.NewTimer(seeOutTimeout)
	defer t.Stop()
	select {
	case <-n.ended: // its registration is gone
	case <-t.C:
	case <-ctx.Done():
	}
}
