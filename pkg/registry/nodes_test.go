package registry

import (
	"strings"
	"testing"

	"github.com/netsy-io/netsy/pkg/objectstore"
	"github.com/netsy-io/netsy/pkg/objectstore/fault"
)

func TestNodeList(t *testing.T) {
	r, f, ctx := setup(t)
	for _, id := range []string{"n2", "n1"} {
		n := testNode()
		n.NodeID = id
		if err := r.RegisterNode(ctx, n); err != nil {
			t.Fatal(err)
		}
	}
	l := r.NewNodeList()
	var trace fault.Trace
	f.Inject(trace.Fault())
	for i, wantRequests := range []int{3, 1} { // a listing and two nodes; then a listing alone
		trace.Take()
		nodes, problems, err := l.Refresh(ctx)
		if err != nil || len(problems) != 0 || len(nodes) != 2 || nodes[0].NodeID != "n1" {
			t.Fatalf("%v, %v, %v", nodes, problems, err)
		}
		if got := len(trace.Lines()); got != wantRequests {
			t.Errorf("look %d: %d requests, expected %d:\n%s", i, got, wantRequests, trace.String())
		}
	}
	overwrite(t, f, "nodes/n2.json", strings.Replace(content(t, f, "nodes/n2.json"), `"n2"`, `"n3"`, 1))
	overwrite(t, f, "nodes/extra", "x")
	if err := f.Delete(ctx, "nodes/n1.json", objectstore.Always()); err != nil {
		t.Fatal(err)
	}
	nodes, problems, err := l.Refresh(ctx)
	if err != nil || len(nodes) != 0 || len(problems) != 2 {
		t.Errorf("%v, %v, %v", nodes, problems, err)
	}
}
