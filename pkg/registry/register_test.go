package registry

import (
	"errors"
	"testing"

	"github.com/netsy-io/netsy/pkg/objectstore"
	"github.com/netsy-io/netsy/pkg/objectstore/fault"
)

func testNode() Node {
	return Node{NodeID: "n1", Incarnation: "i1", StartCount: 3, Version: "v1", ClientURLs: []string{"https://h:2378"}, PeerURLs: []string{"https://h:2381"}}
}

func TestRegisterNode(t *testing.T) {
	r, f, ctx := setup(t)
	register := func(r *Registry, fn func(*Node)) error {
		n := testNode()
		fn(&n)
		return r.RegisterNode(ctx, n)
	}
	if err := register(r, func(*Node) {}); err != nil {
		t.Fatal(err)
	}
	before := content(t, f, NodeKey("n1"))
	if err := register(r, func(*Node) {}); err != nil || content(t, f, NodeKey("n1")) != before {
		t.Errorf("registering again wrote something, or failed: %v", err)
	}
	restarted := New(f, "c1")
	for name, c := range map[string]struct {
		change func(*Node)
		want   error
	}{
		"other peer":       {func(n *Node) { n.StartCount, n.PeerURLs = 9, []string{"https://x:1"} }, ErrAddressTaken},
		"other client":     {func(n *Node) { n.StartCount, n.ClientURLs = 9, []string{"https://x:1"} }, ErrAddressTaken},
		"wiped and moved":  {func(n *Node) { n.Incarnation, n.PeerURLs = "i9", []string{"https://x:1"} }, ErrAddressTaken},
		"older start":      {func(n *Node) { n.StartCount = 2 }, ErrRolledBack},
		"the same start":   {func(*Node) {}, ErrRolledBack}, // by another process: one of the two copies is not the original
		"no incarnation":   {func(n *Node) { n.Incarnation = "" }, errAny},
		"no start counted": {func(n *Node) { n.StartCount = 0 }, errAny},
		"no peer url":      {func(n *Node) { n.PeerURLs = nil }, errAny},
	} {
		if err := register(restarted, c.change); err == nil || c.want != errAny && !errors.Is(err, c.want) {
			t.Errorf("%s: %v", name, err)
		}
		if content(t, f, NodeKey("n1")) != before {
			t.Fatalf("%s: wrote", name)
		}
	}
	if err := register(restarted, func(n *Node) { n.StartCount, n.Version = 4, "v2" }); err != nil {
		t.Fatal(err)
	}
	wiped := New(f, "c1")
	if err := register(wiped, func(n *Node) { n.Incarnation, n.StartCount = "i2", 1 }); err != nil {
		t.Fatal(err)
	}
	n, err := r.Node(ctx, "n1")
	if err != nil || n.Ref() != (NodeRef{"n1", "i2"}) || n.StartCount != 1 || n.Version != "v1" {
		t.Errorf("%+v, %v", n, err)
	}
}

var errAny = errors.New("any error")

// A registration whose reply is lost, in every way, is repeated until it stands.
func TestRegisterNodeAgainAfterUnknown(t *testing.T) {
	for name, broken := range map[string]fault.Fault{
		"lost": fault.LostReply(), "never": fault.Fail(objectstore.ErrUnknownOutcome), "echo": fault.EchoedRetry(),
	} {
		r, f, ctx := setup(t)
		f.Inject(fault.Once(fault.Puts(NodesPrefix), broken))
		err := r.RegisterNode(ctx, testNode())
		if errors.Is(err, ErrUnknownOutcome) {
			err = r.RegisterNode(ctx, testNode())
		}
		if n, rerr := r.Node(ctx, "n1"); err != nil || rerr != nil || n.StartCount != 3 {
			t.Errorf("%s: %v, %v, %+v", name, err, rerr, n)
		}
	}
}
