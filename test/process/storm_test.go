//go:build linux

package process

import (
	"context"
	"math/rand/v2"
	"os"
	"slices"
	"syscall"
	"testing"
	"time"

	"github.com/netsy-io/netsy/test/internal/check"
	"github.com/netsy-io/netsy/test/internal/load"
	"github.com/netsy-io/netsy/test/internal/proc"
)

// storm is a cluster of two nodes and two electors to which random things happen.
type storm struct {
	*cluster
	rnd    *rand.Rand
	procs  map[string]*proc.Proc
	paused map[string]bool
	h      *check.History
}

var stormMembers = []string{"node-1", "node-2", "elector-1", "elector-2"}

// TestStorm kills, wipes, pauses and continues nodes and electors at random while
// clients write through both nodes. At the end everything runs again, and there is
// one history.
func TestStorm(t *testing.T) {
	t.Parallel()
	s := &storm{cluster: newCluster(t), rnd: random(t), procs: map[string]*proc.Proc{}, paused: map[string]bool{}, h: check.NewHistory()}
	// All in object storage: any disk may be deleted at any moment. test/faults does this
	// to clusters that acknowledge by receipts.
	s.writeConfig(func(cfg map[string]any) { cfg["replication"] = map[string]any{"quorum": 0} })
	ctx := t.Context()
	s.follow()
	for _, id := range stormMembers {
		s.start(id)
	}
	s.awaitAnyActive(ctx)
	clients, watchers, loads := map[string]*load.Client{}, map[string]*load.Watcher{}, []*load.Load(nil)
	for _, id := range stormMembers[:2] {
		clients[id] = s.client(id)
		watchers[id] = load.Watch(t, clients[id], 1)
		loads = append(loads, load.Start(t, s.h, clients[id], id))
	}
	loads[0].More(t, ctx, 50)
	for round := range rounds(t, 12) {
		s.event(t, ctx, round)
		// A fault lasts for a random while, from far below to beyond the time in which
		// another Primary is elected.
		<-time.After(time.Duration(s.rnd.Int64N(int64(2 * priorTimeout))))
	}
	for _, id := range stormMembers {
		s.mend(id)
	}
	s.awaitAnyActive(ctx)
	loads[0].More(t, ctx, 50)
	for _, l := range loads {
		l.Stop()
	}
	active := s.awaitAnyActive(ctx)
	s.conclude(ctx, s.h, watchers[active], clients[active])
}

func (s *storm) start(id string) {
	if isNode(id) {
		s.procs[id] = s.startNode(id)
	} else {
		s.procs[id] = s.startElector(id)
	}
}

func isNode(id string) bool { return id == "node-1" || id == "node-2" }

// event mends a member or, as often, does something new to one that is well.
func (s *storm) event(t testing.TB, ctx context.Context, round int) {
	well, ill := s.members()
	if len(well) == 0 || len(ill) > 0 && s.rnd.IntN(2) == 0 {
		id := ill[s.rnd.IntN(len(ill))]
		t.Logf("round %d: %s mended", round, id)
		s.mend(id)
		return
	}
	id := well[s.rnd.IntN(len(well))]
	// Half of what happens, happens to the Primary.
	if j, err := s.readClusterJSON(); err == nil && s.rnd.IntN(2) == 0 && slices.Contains(well, j.Primary.NodeID) {
		id = j.Primary.NodeID
	}
	t.Logf("round %d: %s %s, revision %d was known", round, id, s.harm(t, ctx, id), s.h.Acked())
}

// members returns who runs and who doesn't.
func (s *storm) members() (well, ill []string) {
	for _, id := range stormMembers {
		if s.paused[id] || !s.procs[id].Running() {
			ill = append(ill, id)
		} else {
			well = append(well, id)
		}
	}
	return well, ill
}

func (s *storm) harm(t testing.TB, ctx context.Context, id string) (what string) {
	p := s.procs[id]
	if s.rnd.IntN(2) == 0 {
		s.freeze(t, ctx, p)
		s.paused[id] = true
		return "paused"
	}
	p.Kill()
	what = "killed"
	if isNode(id) && s.rnd.IntN(3) == 0 {
		what = "killed and wiped"
		s.must(os.RemoveAll(s.nodes[id].data))
	}
	if s.rnd.IntN(2) == 0 {
		what += " and started again"
		s.start(id)
	}
	return what
}

func (s *storm) mend(id string) {
	switch p := s.procs[id]; {
	case s.paused[id]:
		p.Signal(syscall.SIGCONT)
		s.paused[id] = false
	case !p.Running():
		if p.State().Exited() { // not killed: it gave up by itself
			s.t.Errorf("%s ended by itself: %v", p.Name, p.State())
		}
		s.start(id)
	}
}
