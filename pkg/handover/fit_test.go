package handover

import (
	"context"
	"errors"
	"io"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"
	"google.golang.org/grpc"

	"github.com/netsy-io/netsy/pkg/netsypb/peerpb"
	"github.com/netsy-io/netsy/pkg/registry"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// says is a node that answers how it is; nil: it doesn't answer, as long as it is asked.
type says struct {
	peerpb.PeerClient
	state *peerpb.NodeState
}

func (s says) GetNodeState(ctx context.Context, _ *peerpb.GetNodeStateRequest, _ ...grpc.CallOption) (*peerpb.NodeState, error) {
	if s.state == nil {
		<-ctx.Done()
		return nil, ctx.Err()
	}
	return s.state, nil
}

// StepDown is what the Primary must not be asked for; it refuses with an error of its own.
func (s says) StepDown(context.Context, *peerpb.StepDownRequest, ...grpc.CallOption) (*peerpb.StepDownResponse, error) {
	return nil, errAsked
}

var errAsked = errors.New("asked")

// nodes are what a Dialer finds.
type nodes map[string]*peerpb.NodeState

func (n nodes) Dial(_ context.Context, ref registry.NodeRef, _ string) (peerpb.PeerClient, io.Closer, error) {
	return says{state: n[ref.NodeID]}, io.NopCloser(nil), nil
}

func (n nodes) run(t *testing.T, successor string) error {
	t.Helper()
	req := Request{Successor: successor, Dialer: n, Progress: t.Logf}
	req.Cluster.Primary, req.Cluster.Epoch = registry.NodeRef{NodeID: "n1", Incarnation: "i"}, 4
	for _, id := range []string{"n1", "n2", "n3"} {
		if _, ok := n[id]; ok {
			req.Nodes = append(req.Nodes, registry.Node{NodeID: id, Incarnation: "i", PeerURLs: []string{"https://" + id + ":2381"}})
		}
	}
	var err error
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		_, err = Run(ctx, req)
	})
	return err
}

// Every pair of nodes besides the Primary, in every state, with one of them named or none:
// the Primary is asked exactly if who is meant could be elected, or isn't there to be asked.
func TestAskedOnlyForTheFit(t *testing.T) {
	const healthy, degraded = peerpb.Health_HEALTH_HEALTHY, peerpb.Health_HEALTH_DEGRADED
	states := map[string]*peerpb.NodeState{
		"": {Health: healthy}, "doesn't answer": nil, "is stopping": {Health: degraded, Leaving: true},
		"is degraded: storage is away": {Health: degraded, HealthReason: "storage is away"}, "is loading: starting": {Health: peerpb.Health_HEALTH_LOADING, HealthReason: "starting"},
	}
	for two, state2 := range states {
		for three, state3 := range states {
			n := nodes{"n1": {Health: healthy}, "n2": state2, "n3": state3}
			for successor, why := range map[string][]string{"n1": nil, "n2": {"n2 " + two}, "n3": {"n3 " + three}, "n9": nil, "": {"n2 " + two, "n3 " + three}} {
				unfit := len(why) > 0
				for _, w := range why {
					unfit = unfit && !strings.HasSuffix(w, " ")
				}
				if err := n.run(t, successor); errors.Is(err, ErrUnfit) != unfit || errors.Is(err, errAsked) == unfit {
					t.Errorf("%q, %q, successor %q: %v", two, three, successor, err)
				} else if unfit {
					for _, w := range why {
						if !strings.Contains(err.Error(), w) {
							t.Errorf("%v doesn't say: %s", err, w)
						}
					}
				}
			}
		}
	}
	alone := nodes{"n1": {Health: healthy}}
	if err := alone.run(t, ""); !errors.Is(err, errAsked) {
		t.Error(err)
	}
}
