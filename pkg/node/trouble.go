package node

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/netsy-io/netsy/pkg/loading"
	"github.com/netsy-io/netsy/pkg/logevent"
	"github.com/netsy-io/netsy/pkg/mvcc"
	"github.com/netsy-io/netsy/pkg/objectlog"
	"github.com/netsy-io/netsy/pkg/objectstore"
	"github.com/netsy-io/netsy/pkg/primary"
	"github.com/netsy-io/netsy/pkg/registry"
)

// trouble is what makes a node degraded: it must not be chosen, for it would fail. It
// ends when the node finds by itself that what is needed works again.
type trouble struct {
	with   need
	reason string // for people
}

// need is what a Primary can't do without.
type need string

const (
	disk    need = "disk"
	storage need = "storage"
)

// storeFailed looks at an error for what it says of this node's own disk: a node
// that can't store or read is degraded and stays out of elections until it can; one whose
// store is beyond use must start anew. It returns the latter.
func (n *Node) storeFailed(err error) error {
	switch {
	case errors.Is(err, loading.ErrUnplaced), errors.As(err, new(*primary.BeyondOriginError)):
		n.fail(fmt.Errorf("node: the data directory %s holds another history than the bucket; if the bucket is the right one, remove the directory: %w", n.o.DataDir, err))
		return n.fatal()
	case beyondUse(err):
		n.fail(fmt.Errorf("node: the local store can't go on: %w", err))
		return n.fatal()
	case errors.Is(err, mvcc.ErrDisk):
		n.log.Error("the local disk fails; stepping back until it works", "event", logevent.StoreDegraded, "error", err)
		n.state.degrade(trouble{disk, err.Error()})
	}
	return nil
}

// beyondUse: the store that met err must be opened anew.
func beyondUse(err error) bool { return errors.Is(err, mvcc.ErrPoisoned) || damaged(err) }

// damaged: err says that the file is, and not just that the disk can't be read, of which the
// first may come of the second.
func damaged(err error) bool {
	return errors.Is(err, mvcc.ErrCorrupt) && !errors.Is(err, mvcc.ErrDisk)
}

// closeStore closes the data directory of a node that ends for err. A file that is damaged is
// set aside by the next start, which might not find the damage by itself.
func (n *Node) closeStore(err error) error {
	var noted error
	if damaged(err) {
		noted = n.mvcc.Distrust(err)
	}
	return errors.Join(err, noted, n.mvcc.Close())
}

// reignFailed looks at why a reign ended or didn't begin. Where neither a later reign nor
// the disk is the reason, it is object storage, as seen from this node: were it chosen
// again at once, it would fail again. It returns an error only if the node can't go on.
func (n *Node) reignFailed(err error) error {
	if fatal := n.storeFailed(err); fatal != nil {
		return fatal
	}
	if !blamesStorage(err) {
		return nil
	}
	what := "this node can't take over from object storage"
	if unreachable(err) {
		what = "object storage can't be reached from this node"
	}
	n.log.Error(what+"; stepping back until it can be", "event", logevent.StorageDegraded, "error", err)
	n.state.degrade(trouble{storage, what + ": " + err.Error()})
	return nil
}

// blamesStorage: err, for which a reign ended or didn't begin, is none of those that say
// that another reigns, or that the local store failed.
func blamesStorage(err error) bool {
	for _, other := range []error{
		primary.ErrDeposed, primary.ErrStopped, objectlog.ErrSlotFreed,
		mvcc.ErrDisk, mvcc.ErrPoisoned, mvcc.ErrCorrupt, mvcc.ErrClosed,
	} {
		if errors.Is(err, other) {
			return false
		}
	}
	var (
		promised *mvcc.PromisedError
		served   *mvcc.ServedError
	)
	return !errors.As(err, &promised) && !errors.As(err, &served)
}

// unreachable: object storage gave no useful answer.
func unreachable(err error) bool {
	for _, away := range []error{
		primary.ErrStorageAway, objectstore.ErrUnavailable, objectstore.ErrPermanent, objectstore.ErrUnknownOutcome,
		objectlog.ErrOutcomeUnknown, context.DeadlineExceeded,
	} {
		if errors.Is(err, away) {
			return true
		}
	}
	return false
}

// recovered is the event that need works again.
func (w need) recovered() string {
	if w == disk {
		return logevent.DiskRecovered
	}
	return logevent.StorageRecovered
}

const (
	// mendEvery is how often a degraded node looks whether what it needs works again.
	mendEvery = 2 * time.Second
	// probeTimeout bounds the handful of requests that show that the bucket can be written.
	probeTimeout = 10 * time.Second
)

// mendItself brings a degraded node back once what it needs works again.
func (n *Node) mendItself(ctx context.Context) error {
	tick := time.NewTicker(mendEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
		t := n.state.troubled()
		if t == nil {
			continue
		}
		if err := n.check(ctx, t.with); err != nil {
			if beyondUse(err) { // it was the disk, and is worse by now
				n.storeFailed(err)
			}
			n.log.Debug("still degraded", "trouble", t.with, "error", err)
			continue
		}
		if n.state.mended(t) {
			n.log.Info("healthy again", "event", t.with.recovered())
		}
	}
}

// check proves that need works: that the disk can be written and read, or the bucket read and
// written.
func (n *Node) check(ctx context.Context, what need) error {
	if what == disk {
		return n.mvcc.CheckDisk(ctx)
	}
	read, cancel := context.WithTimeout(ctx, mendEvery)
	defer cancel()
	if _, err := n.registry.Cluster(read); err != nil && !errors.Is(err, registry.ErrNotFound) {
		return err
	}
	probe, cancel := context.WithTimeout(ctx, probeTimeout)
	defer cancel()
	return objectstore.Probe(probe, n.o.Store)
}
