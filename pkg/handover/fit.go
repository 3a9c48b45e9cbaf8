package handover

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"

	"github.com/netsy-io/netsy/pkg/netsypb/peerpb"
)

// ErrUnfit: whoever was to take over isn't healthy, or can't be asked. The Primary, which
// sees only that others follow, was not asked to step down.
var ErrUnfit = errors.New("nothing was done: the node that was to take over is not known to be healthy")

// heirs are the nodes that may take over: the one named, or else all but the Primary.
// There are none if the Primary will refuse in any case: it knows better why.
func heirs(peers map[string]*peer, primary, named string) (out []*peer) {
	for id, p := range peers {
		if id != primary && (named == "" || id == named) {
			out = append(out, p)
		}
	}
	return out
}

// oneFit asks all of them at once, and returns nil as soon as one is fit, or if there are none.
func oneFit(ctx context.Context, heirs []*peer) error {
	ctx, cancel := context.WithTimeout(ctx, reachTimeout)
	said := make(chan error, len(heirs))
	var wg sync.WaitGroup
	defer wg.Wait()
	defer cancel()
	for _, p := range heirs {
		wg.Go(func() { said <- p.fit(ctx) })
	}
	var why []string
	for range heirs {
		err := <-said
		if err == nil {
			return nil
		}
		why = append(why, err.Error())
	}
	if len(why) == 0 {
		return nil
	}
	slices.Sort(why)
	return fmt.Errorf("%w: %s", ErrUnfit, strings.Join(why, "; "))
}

// fit: the node says that it could be elected.
func (p *peer) fit(ctx context.Context) error {
	s, err := p.client.GetNodeState(ctx, &peerpb.GetNodeStateRequest{})
	switch {
	case err != nil:
		return fmt.Errorf("%s doesn't answer: %w", p.ref.NodeID, err)
	case s.Leaving:
		return fmt.Errorf("%s is stopping", p.ref.NodeID)
	case s.Health != peerpb.Health_HEALTH_HEALTHY:
		return fmt.Errorf("%s is %s: %s", p.ref.NodeID, strings.ToLower(strings.TrimPrefix(s.Health.String(), "HEALTH_")), s.HealthReason)
	}
	return nil
}
