package replication

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"reflect"
	"testing"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/netsy-io/netsy/pkg/mvcc"
	"github.com/netsy-io/netsy/pkg/netsypb/peerpb"
	"github.com/netsy-io/netsy/pkg/record"
)

// cluster is three voters, an object log reduced to what it holds, and an oracle of what
// is committed. A commit needs the Primary's own copy and one receipt; a new reign the
// promises of two nodes, of which the one with the higher tail reigns.
type cluster struct {
	t     *testing.T
	rng   *rand.Rand
	nodes []*node
	epoch record.Epoch

	log       []record.Record
	committed []record.Record

	primary *node
	feed    *Feed
	follows map[*node]*following
}

// checkShown: what a node has published is the beginning of what is committed.
func (c *cluster) checkShown() {
	c.t.Helper()
	for _, n := range c.nodes {
		shown := int(n.st.Snapshot().Revision())
		if shown > len(c.committed) {
			c.t.Fatalf("%s shows revision %d, %d are committed", n.id, shown, len(c.committed))
		}
		have := n.records()
		if len(have) < shown {
			c.t.Fatalf("%s shows revision %d and has %d", n.id, shown, len(have))
		}
		for i := range shown {
			if !reflect.DeepEqual(have[i], c.committed[i]) {
				c.t.Fatalf("%s shows %v, committed is %v", n.id, have[i].Pos(), c.committed[i].Pos())
			}
		}
	}
}

// election ends the present reign and begins the next.
func (c *cluster) election() {
	c.t.Helper()
	c.epoch++
	var best *node
	for _, i := range c.rng.Perm(len(c.nodes))[:2] {
		n := c.nodes[i]
		if _, err := n.st.Promise(c.t.Context(), c.epoch); err != nil {
			c.t.Fatal(err)
		}
		if best == nil || best.st.Tail().Less(n.st.Tail()) {
			best = n
		}
	}
	c.stopFollowing(best)
	if c.primary != nil {
		c.primary.abdicate()
	}
	for n, f := range c.follows {
		if c.rng.IntN(2) == 0 { // or it finds out by itself
			f.stop()
			c.checkEnd(n)
		}
	}
	c.preflight(best)
	c.primary, c.feed = best, best.reign(c.epoch)
	c.log = best.records()
	c.learn(len(c.log))
}

// preflight brings a new Primary and the log into agreement: the log wins.
func (c *cluster) preflight(n *node) {
	c.t.Helper()
	have := n.records()
	same := 0
	for same < min(len(have), len(c.log)) && have[same].Pos() == c.log[same].Pos() {
		same++
	}
	if same == len(c.log) {
		return
	}
	if err := n.st.TruncateAfter(c.t.Context(), record.Revision(same)); err != nil {
		c.t.Fatal(err)
	}
	if err := n.st.AppendLogged(c.t.Context(), c.log[same:]); err != nil {
		c.t.Fatal(err)
	}
}

// learn: the Primary's first n records are committed. They must go on from what was.
func (c *cluster) learn(n int) {
	c.t.Helper()
	recs := c.primary.records()[:n]
	for i := range c.committed {
		if i >= n || !reflect.DeepEqual(recs[i], c.committed[i]) {
			c.t.Fatalf("%v was committed and is lost in epoch %d", c.committed[i].Pos(), c.epoch)
		}
	}
	c.committed = recs
}

// commit commits what a receipt allows.
func (c *cluster) commit() {
	c.t.Helper()
	best := record.Revision(0)
	for _, f := range c.feed.Followers() {
		best = max(best, f.Receipt)
	}
	if best <= record.Revision(len(c.committed)) {
		return
	}
	c.learn(int(best))
	w, err := c.primary.st.NewWorkingAt(c.t.Context(), best)
	if err != nil {
		c.t.Fatal(err)
	}
	if err := c.primary.st.Publish(w.Snapshot()); err != nil {
		c.t.Fatal(err)
	}
	c.primary.hub.SkipTo(best)
	c.feed.Committed(best, 0)
}

func (c *cluster) follow(n *node) {
	if n == c.primary {
		return
	}
	c.stopFollowing(n)
	l := newLink(c.t, c.feed, n.id)
	l.window = 1 + c.rng.IntN(4)
	if left := c.rng.IntN(40); left < 20 {
		l.down = func(*peerpb.FollowResponse) error {
			if left--; left < 0 {
				return errCut
			}
			return nil
		}
	}
	c.follows[n] = n.follow(c.epoch, l)
}

func (c *cluster) stopFollowing(n *node) {
	if f := c.follows[n]; f != nil {
		f.stop()
		c.checkEnd(n)
		delete(c.follows, n)
	}
}

// checkEnd: streams end for these reasons only.
func (c *cluster) checkEnd(n *node) {
	c.t.Helper()
	err := c.follows[n].err
	var promised *mvcc.PromisedError
	code := status.Code(errors.Unwrap(err))
	if errors.Is(err, context.Canceled) || errors.As(err, &promised) || code == codes.Unavailable || code == codes.FailedPrecondition || code == codes.Canceled {
		return
	}
	c.t.Fatalf("%s: %v", n.id, err)
}

// TestModel runs random histories of three nodes, elections, lines that break and all,
// and compares what every copy shows with what was committed, after every step.
func TestModel(t *testing.T) {
	steps := 60
	if testing.Short() {
		steps = 20
	}
	for seed := range uint64(8) {
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) {
			c := &cluster{t: t, rng: rand.New(rand.NewPCG(7, seed)), follows: map[*node]*following{}}
			for _, id := range []string{"a", "b", "c"} {
				c.nodes = append(c.nodes, newNode(t, id))
			}
			c.election()
			for range steps {
				switch c.rng.IntN(10) {
				case 0:
					c.election()
				case 1, 2:
					c.follow(c.nodes[c.rng.IntN(3)])
				case 3, 4, 5:
					c.commit()
				default:
					c.primary.write(1 + c.rng.IntN(5))
					c.checkShown()
				}
			}
			for _, n := range c.nodes {
				if n != c.primary {
					c.stopFollowing(n)
					c.follows[n] = n.follow(c.epoch, newLink(t, c.feed, n.id))
				}
			}
			rev := c.primary.write(1)
			for _, n := range c.nodes {
				if n != c.primary {
					n.awaitReceipt(c.feed, rev)
				}
			}
			c.commit()
			c.primary.publish()
			for _, n := range c.nodes {
				n.awaitPublished(rev)
				sameCopy(t, c.primary, n)
			}
			c.checkShown()
		})
	}
}
