package elector

import (
	"context"
	"testing"
	"time"

	"github.com/netsy-io/netsy/pkg/netsypb/peerpb"
)

func TestFirstElection(t *testing.T) {
	inBubble(t, func(t *testing.T, b *bed) {
		n := b.add("node-1")
		e := b.elector("e1")
		if got := b.awaitPrimary(n); got != 1 {
			t.Errorf("active in epoch %d, expected 1", got)
		}
		c := b.cluster()
		if c.Epoch != 1 || c.Primary.NodeID != "node-1" || c.Office != 1 || c.Durability.Quorum != -1 {
			t.Errorf("cluster.json: %+v", c)
		}
		b.await("a lease", func() bool { return time.Now().Before(n.leaseEnd) })
		r, err := (&electionService{e: e.Elector}).ListMembers(context.Background(), &peerpb.ListMembersRequest{})
		if err != nil || len(r.Members) != 1 || r.Members[0].MemberId == 0 || r.Members[0].ClientUrls[0] != "https://node-1:2378" {
			t.Errorf("members: %v, %v", r, err)
		}
		time.Sleep(time.Hour)
		if c := b.cluster(); c.Epoch != 1 {
			t.Errorf("an hour later the epoch is %d", c.Epoch)
		}
		e.stop(t)
	})
}
