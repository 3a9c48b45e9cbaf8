// Package handover asks a cluster's Primary to step down and follows what becomes of it,
// from outside: for admins.
package handover

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/url"
	"time"

	"github.com/netsy-io/netsy/pkg/netsypb/peerpb"
	"github.com/netsy-io/netsy/pkg/peerapi"
	"github.com/netsy-io/netsy/pkg/record"
	"github.com/netsy-io/netsy/pkg/registry"
)

// What can become of it besides a refusal, which is a *peerapi.StepDownRefused.
var (
	// ErrNoPrimary: there is none that could be asked.
	ErrNoPrimary = errors.New("there is no Primary that could step down")
	// ErrUnknown: the Primary didn't answer, and goes on as far as nodes tell.
	ErrUnknown = errors.New("the Primary was asked to step down and did not answer in time; it may yet")
	// ErrNobody: the Primary stepped down, and nobody is active in its place in time.
	ErrNobody = errors.New("the Primary has stepped down, and no other is active yet")
	// ErrAnother: another node than the one wished for was elected.
	ErrAnother = errors.New("another node than the one asked for was elected")
)

// Request is what Run is asked for.
type Request struct {
	Cluster   registry.Cluster // as cluster.json says now
	Nodes     []registry.Node  // all that are registered
	Successor string           // node id; empty: any other than the Primary
	Dialer    Dialer
	Progress  func(format string, args ...any)
}

// Dialer connects to nodes' peer ports; peerapi.Dialer in life.
type Dialer interface {
	Dial(ctx context.Context, node registry.NodeRef, address string) (peerpb.PeerClient, io.Closer, error)
}

// Reign is who was Primary of which epoch.
type Reign struct {
	Epoch   record.Epoch     `json:"epoch"`
	Primary registry.NodeRef `json:"primary"`
}

// Result is what happened.
type Result struct {
	Before       Reign           `json:"before"`
	Wished       string          `json:"wished"` // node id; empty: any other
	SteppedDown  bool            `json:"stepped_down"`
	Revision     record.Revision `json:"revision"`      // the last one of the reign before; 0: not known
	DrainSeconds float64         `json:"drain_seconds"` // until it had stepped down
	After        *Reign          `json:"after"`         // null: nobody was active in time
	AsWished     bool            `json:"as_wished"`
	Seconds      float64         `json:"seconds"` // from the question until the next one was seen to be active
}

// Run asks the Primary to step down and waits until another reign is active, or ctx ends.
// The result tells how far it came; it is nil if nothing was changed.
func Run(ctx context.Context, req Request) (*Result, error) {
	if req.Cluster.Primary.IsZero() {
		return nil, fmt.Errorf("%w: cluster.json names none in epoch %d", ErrNoPrimary, req.Cluster.Epoch)
	}
	peers, err := connect(ctx, req)
	defer closeAll(peers)
	if err != nil {
		return nil, err
	}
	primary := peers[req.Cluster.Primary.NodeID]
	if primary == nil {
		return nil, fmt.Errorf("%w: %s is not registered", ErrNoPrimary, req.Cluster.Primary)
	}
	if err := primary.reachable(ctx); err != nil {
		return nil, fmt.Errorf("%w: %s doesn't answer, and was not asked to: %w", ErrNoPrimary, req.Cluster.Primary, err)
	}
	if err := oneFit(ctx, heirs(peers, req.Cluster.Primary.NodeID, req.Successor)); err != nil {
		return nil, err
	}
	r := &Result{Before: Reign{req.Cluster.Epoch, req.Cluster.Primary}, Wished: req.Successor}
	req.Progress("asking %s, Primary of epoch %d, to step down%s", r.Before.Primary.NodeID, r.Before.Epoch, inFavourOf(req.Successor))
	began := time.Now()
	resp, err := primary.client.StepDown(ctx, &peerpb.StepDownRequest{Successor: req.Successor, Epoch: int64(r.Before.Epoch)})
	if refused, ok := peerapi.Refusal(err); ok {
		return nil, inWords(refused, r.Before)
	}
	if err == nil {
		r.SteppedDown, r.Revision, r.DrainSeconds = true, record.Revision(resp.GetTail().GetRevision()), time.Since(began).Seconds()
		req.Progress("it has stepped down at revision %d, after %s", r.Revision, time.Since(began).Round(time.Millisecond))
	} else {
		req.Progress("no clear answer (%v): looking whether it has stepped down", err)
	}
	return r.await(ctx, peers, began, err, req.Progress)
}

func inFavourOf(successor string) string {
	if successor == "" {
		return ""
	}
	return " in favour of " + successor
}

// inWords adds what the Primary can't know: which one the question was for.
func inWords(r *peerapi.StepDownRefused, before Reign) error {
	switch r.Reason {
	case peerpb.StepDownRefusal_REASON_NOT_PRIMARY: // below
	case peerpb.StepDownRefusal_REASON_BUSY: // it may not go on
		return fmt.Errorf("%s, Primary of epoch %d, refuses: %w", before.Primary.NodeID, before.Epoch, r)
	default:
		return fmt.Errorf("%s refuses, and goes on as Primary of epoch %d: %w", before.Primary.NodeID, before.Epoch, r)
	}
	who := "it knows of no other"
	if r.Primary != nil {
		who = fmt.Sprintf("it says that %s/%s is", r.Primary.NodeId, r.Primary.Incarnation)
	}
	return fmt.Errorf("%s is not the active Primary of epoch %d; %s; nothing was done: %w", before.Primary.NodeID, before.Epoch, who, r)
}

// await follows what becomes of it. asked is why the question had no answer; nil: it had.
func (r *Result) await(ctx context.Context, peers map[string]*peer, began time.Time, asked error, progress func(string, ...any)) (*Result, error) {
	after, err := nextReign(ctx, peers, r.Before.Epoch)
	if err != nil {
		if asked != nil {
			return r, fmt.Errorf("%w: %w", ErrUnknown, asked)
		}
		return r, fmt.Errorf("%w after %s", ErrNobody, time.Since(began).Round(time.Millisecond))
	}
	r.After, r.SteppedDown, r.Seconds = after, true, time.Since(began).Seconds()
	r.AsWished = after.Primary.NodeID == r.Wished || r.Wished == "" && after.Primary.NodeID != r.Before.Primary.NodeID
	progress("%s is active Primary of epoch %d, after %s", after.Primary.NodeID, after.Epoch, time.Since(began).Round(time.Millisecond))
	switch {
	case r.AsWished:
		return r, nil
	case r.Wished == "":
		return r, fmt.Errorf("%w: %s is Primary again, in epoch %d", ErrAnother, after.Primary.NodeID, after.Epoch)
	default:
		return r, fmt.Errorf("%w: %s, not %s, is Primary of epoch %d", ErrAnother, after.Primary.NodeID, r.Wished, after.Epoch)
	}
}

// peer is a connection to a node.
type peer struct {
	ref    registry.NodeRef
	client peerpb.PeerClient
	conn   io.Closer
}

func connect(ctx context.Context, req Request) (map[string]*peer, error) {
	peers := map[string]*peer{}
	for _, n := range req.Nodes {
		u, err := url.Parse(n.PeerURLs[0])
		if err != nil || u.Host == "" {
			return peers, fmt.Errorf("%s: peer url %q has no host:port", n.NodeID, n.PeerURLs[0])
		}
		client, conn, err := req.Dialer.Dial(ctx, n.Ref(), u.Host)
		if err != nil {
			return peers, fmt.Errorf("connecting to %s: %w", n.NodeID, err)
		}
		peers[n.NodeID] = &peer{n.Ref(), client, conn}
	}
	return peers, nil
}

func closeAll(peers map[string]*peer) {
	for _, p := range peers {
		_ = p.conn.Close() // it says only that it was closed already
	}
}
