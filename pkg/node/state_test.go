package node

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/hashicorp/go-hclog"

	pb "github.com/netsy-io/netsy/pkg/netsypb/peerpb"
	"github.com/netsy-io/netsy/pkg/primary"
)

func isClosed(c <-chan struct{}) bool {
	select {
	case <-c:
		return true
	default:
		return false
	}
}

// Clients hear that there is no leader only when there has been none for the whole
// grace; a leader that comes back in time spares them the news, also those that
// held the channel before.
func TestLeaderLostAfterTheGrace(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newState()
		defer s.close()
		reign := &primary.Reign{}
		lead := func(r *primary.Reign) { s.setRole(pb.PrimaryState_PRIMARY_STATE_REPLICA, r) }

		lead(reign)
		held := s.Lost()
		time.Sleep(2 * leaderlessGrace)
		if !s.HasLeader() || isClosed(held) {
			t.Fatal("a leader counts as lost")
		}
		lead(nil)
		time.Sleep(leaderlessGrace - 1)
		synctest.Wait()
		if s.HasLeader() || isClosed(held) {
			t.Fatal("told before the grace was over")
		}
		lead(reign)
		time.Sleep(2 * leaderlessGrace)
		synctest.Wait()
		if !s.HasLeader() || isClosed(held) || isClosed(s.Lost()) {
			t.Fatal("told though a leader came in time")
		}
		lead(nil)
		lead(nil) // doesn't begin the grace again
		time.Sleep(leaderlessGrace)
		synctest.Wait()
		if !isClosed(held) || !isClosed(s.Lost()) {
			t.Fatal("not told after the grace")
		}
		lead(reign)
		if isClosed(s.Lost()) {
			t.Fatal("the new leader counts as lost")
		}
	})
}

func TestOlderClusterStatesAreIgnored(t *testing.T) {
	n := &Node{o: Options{ClusterID: "c"}, state: newState(), log: hclog.NewNullLogger()}
	defer n.state.close()
	for _, cs := range []*pb.ClusterState{
		{ClusterId: "c", Seq: 5, Epoch: 2},
		{ClusterId: "c", Seq: 4, Epoch: 1},
		{ClusterId: "other", Seq: 9, Epoch: 9},
	} {
		n.learn(cs)
	}
	if _, _, _, cs := n.state.view(); cs.Seq != 5 || cs.Epoch != 2 {
		t.Fatal(cs)
	}
	n.learn(&pb.ClusterState{ClusterId: "c", Seq: 5, Epoch: 2, Members: []*pb.Member{{NodeId: "x"}}}) // members may change alone
	if _, _, _, cs := n.state.view(); len(cs.Members) != 1 {
		t.Fatal(cs)
	}
}
