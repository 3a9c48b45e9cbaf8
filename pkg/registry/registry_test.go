package registry

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/netsy-io/netsy/pkg/objectstore"
	"github.com/netsy-io/netsy/pkg/objectstore/fault"
	"github.com/netsy-io/netsy/pkg/objectstore/memstore"
	"github.com/netsy-io/netsy/pkg/record"
)

func setup(t *testing.T) (*Registry, *fault.Store, context.Context) {
	t.Helper()
	f := fault.New(memstore.New(time.Now))
	return New(f, "c1"), f, t.Context()
}

func mustCluster(t *testing.T, r *Registry) Cluster {
	t.Helper()
	c, err := r.EnsureCluster(t.Context(), QuorumMajority)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func overwrite(t *testing.T, s objectstore.Store, key, body string) {
	t.Helper()
	if _, err := s.Put(t.Context(), key, []byte(body), objectstore.Always()); err != nil {
		t.Fatal(err)
	}
}

func content(t *testing.T, s objectstore.Store, key string) string {
	t.Helper()
	b, _, err := objectstore.ReadAll(t.Context(), s, key, maxDocument)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func TestEnsureCluster(t *testing.T) {
	r, _, ctx := setup(t)
	if _, err := r.Cluster(ctx); !errors.Is(err, ErrNotFound) {
		t.Fatalf("empty bucket: %v", err)
	}
	var wg sync.WaitGroup
	got := make([]Cluster, 8)
	for i := range got {
		wg.Go(func() { got[i], _ = r.EnsureCluster(ctx, i) })
	}
	wg.Wait()
	for _, c := range got {
		if c.WriteID == "" || c.WriteID != got[0].WriteID || c.Version() != got[0].Version() {
			t.Errorf("creators disagree: %+v, %+v", c, got[0])
		}
	}
	c := got[0]
	if c.Epoch != 0 || c.Office != 0 || c.Seq != 1 || !c.Primary.IsZero() || c.Origin != 0 || c.Durability.Mode != ModeObjectStorage || len(c.Durability.Voters) != 0 {
		t.Errorf("created: %+v", c)
	}
}

// Two versions never have equal bytes, even if nothing changed.
func TestEveryWriteDiffers(t *testing.T) {
	r, f, ctx := setup(t)
	mustCluster(t, r)
	seen := map[string]bool{}
	for i := range 20 {
		seen[content(t, f, ClusterKey)] = true
		c, err := r.UpdateCluster(ctx, func(*Cluster) error { return nil })
		if err != nil || c.Seq != int64(i)+2 {
			t.Fatalf("seq %d, %v", c.Seq, err)
		}
	}
	if len(seen) != 20 {
		t.Errorf("%d different versions of 20", len(seen))
	}
}

func TestUnknownFieldsAreCarriedOver(t *testing.T) {
	r, f, ctx := setup(t)
	mustCluster(t, r)
	if _, err := r.UpdateCluster(ctx, func(c *Cluster) error {
		c.Epoch, c.Primary = 1, NodeRef{"n1", "i1"}
		c.Durability.Voters = []NodeRef{{"n1", "i1"}}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	doc := content(t, f, ClusterKey)
	doc = strings.Replace(doc, `{`, `{"later": {"a": [1, 2.50]},`, 1)
	doc = strings.Replace(doc, `"primary": {`, `"primary": {"zone": "z1",`, 1)
	doc = strings.Replace(doc, `"durability": {`, `"durability": {"witness": "w1",`, 1)
	doc = strings.Replace(doc, `"voters": [`+"\n      {", `"voters": [ { "weight": 7,`, 1)
	overwrite(t, f, ClusterKey, doc)

	update := func(fn func(*Cluster)) string {
		t.Helper()
		if _, err := r.UpdateCluster(ctx, func(c *Cluster) error { fn(c); return nil }); err != nil {
			t.Fatal(err)
		}
		return content(t, f, ClusterKey)
	}
	has := func(doc string, want bool, fields ...string) {
		t.Helper()
		for _, s := range fields {
			if strings.Contains(doc, s) != want {
				t.Errorf("%q in the document: expected %v:\n%s", s, want, doc)
			}
		}
	}
	has(update(func(c *Cluster) { c.CompactionRevision = 9 }), true, `2.50`, `"zone"`, `"witness"`, `"weight"`)
	has(update(func(c *Cluster) { c.Durability.Mode = ModeQuorum }), true, `"later"`, `"zone"`, `"witness"`, `"weight"`)
	doc = update(func(c *Cluster) { c.Primary = NodeRef{"n2", "i2"}; c.Durability.Voters = []NodeRef{{"n2", "i2"}} })
	has(doc, true, `"later"`, `"witness"`)
	has(doc, false, `"zone"`, `"weight"`)
}

func TestConcurrentUpdatesLoseNothing(t *testing.T) {
	r, _, ctx := setup(t)
	mustCluster(t, r)
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for done := 0; done < 25; {
				_, err := r.UpdateCluster(ctx, func(c *Cluster) error { c.CompactionRevision++; return nil })
				if err == nil {
					done++
				} else if !errors.Is(err, ErrBusy) {
					t.Error(err)
					return
				}
			}
		})
	}
	wg.Wait()
	if c, err := r.Cluster(ctx); err != nil || c.CompactionRevision != 200 {
		t.Errorf("%d increments of 200 (%v)", c.CompactionRevision, err)
	}
}

func TestSwapIsFromOneVersionOnly(t *testing.T) {
	r, _, ctx := setup(t)
	old := mustCluster(t, r)
	raise := func(c *Cluster) error { c.Office++; return nil }
	if _, err := r.SwapCluster(ctx, old, raise); err != nil {
		t.Fatal(err)
	}
	if _, err := r.SwapCluster(ctx, old, raise); !errors.Is(err, ErrConflict) {
		t.Errorf("a stale swap: %v", err)
	}
	for name, fn := range map[string]func(*Cluster){
		"cluster_id": func(c *Cluster) { c.ClusterID = "x" }, "origin": func(c *Cluster) { c.Origin = 5 },
		"office back": func(c *Cluster) { c.Office-- }, "mode": func(c *Cluster) { c.Durability.Mode = "x" },
		"quorum without voters": func(c *Cluster) { c.Durability.Mode = ModeQuorum },
		"half a primary":        func(c *Cluster) { c.Epoch, c.Primary.NodeID = 1, "n" },
	} {
		before, _ := r.Cluster(ctx)
		if _, err := r.UpdateCluster(ctx, func(c *Cluster) error { fn(c); return nil }); err == nil {
			t.Errorf("%s: written", name)
		}
		if after, err := r.Cluster(ctx); err != nil || after.Seq != before.Seq {
			t.Errorf("%s: changed the document (%v)", name, err)
		}
	}
}

// What a swap makes of each way in which a write can go wrong.
func TestSwapOutcomes(t *testing.T) {
	raise := func(c *Cluster) error { c.Office++; return nil }
	puts := fault.Puts(ClusterKey)
	t.Run("lost reply is found", func(t *testing.T) {
		r, f, ctx := setup(t)
		from := mustCluster(t, r)
		f.Inject(fault.Once(puts, fault.LostReply()))
		c, err := r.SwapCluster(ctx, from, raise)
		if err != nil || c.Office != 1 || c.Version() == from.Version() {
			t.Fatalf("%+v, %v", c, err)
		}
		if _, err := r.SwapCluster(ctx, c, raise); err != nil {
			t.Errorf("the version found is not usable: %v", err)
		}
	})
	t.Run("echo of a retry is found", func(t *testing.T) {
		r, f, ctx := setup(t)
		from := mustCluster(t, r)
		f.Inject(fault.Once(puts, fault.EchoedRetry()))
		if c, err := r.SwapCluster(ctx, from, raise); err != nil || c.Office != 1 {
			t.Fatalf("%+v, %v", c, err)
		}
	})
	t.Run("echo of a retry at creation", func(t *testing.T) {
		r, f, _ := setup(t)
		f.Inject(fault.Once(puts, fault.EchoedRetry()))
		if c := mustCluster(t, r); c.Seq != 1 {
			t.Errorf("%+v", c)
		}
	})
	t.Run("not there yet is unknown, a later write settles it", func(t *testing.T) {
		r, f, ctx := setup(t)
		from := mustCluster(t, r)
		var late fault.Late
		f.Inject(fault.Once(puts, late.Fault()))
		if _, err := r.SwapCluster(ctx, from, raise); !errors.Is(err, ErrUnknownOutcome) {
			t.Fatal(err)
		}
		c, err := r.SwapCluster(ctx, from, func(c *Cluster) error { return nil })
		if err != nil {
			t.Fatal(err)
		}
		if _, err := late.Land(ctx); !errors.Is(err, objectstore.ErrPreconditionFailed) {
			t.Errorf("the late write: %v", err)
		}
		if now, _ := r.Cluster(ctx); now.Office != 0 || now.WriteID != c.WriteID {
			t.Errorf("%+v", now)
		}
	})
	t.Run("unknown and another's in its place", func(t *testing.T) {
		r, f, ctx := setup(t)
		from := mustCluster(t, r)
		f.Inject(fault.Once(puts, func(ctx context.Context, q *fault.Request, next fault.Next) (fault.Response, error) {
			if _, err := r.SwapCluster(ctx, from, func(*Cluster) error { return nil }); err != nil {
				t.Error(err)
			}
			return fault.LostReply()(ctx, q, next)
		}))
		if _, err := r.SwapCluster(ctx, from, raise); !errors.Is(err, ErrConflict) {
			t.Errorf("%v", err)
		}
	})
	t.Run("unknown and unreadable", func(t *testing.T) {
		r, f, ctx := setup(t)
		from := mustCluster(t, r)
		f.Inject(fault.If(puts, fault.LostReply()))
		f.Inject(fault.If(fault.Ops(ClusterKey, "get"), fault.Fail(objectstore.ErrUnavailable)))
		if _, err := r.SwapCluster(ctx, from, raise); !errors.Is(err, ErrUnknownOutcome) {
			t.Errorf("%v", err)
		}
	})
	t.Run("unavailable wrote nothing", func(t *testing.T) {
		r, f, ctx := setup(t)
		from := mustCluster(t, r)
		f.Inject(fault.Once(puts, fault.Fail(objectstore.ErrUnavailable)))
		if _, err := r.SwapCluster(ctx, from, raise); !errors.Is(err, objectstore.ErrUnavailable) || errors.Is(err, ErrUnknownOutcome) {
			t.Errorf("%v", err)
		}
	})
}

// verdict over every combination of what can be there, the condition and the cause.
func TestVerdictExhaustively(t *testing.T) {
	for _, present := range []bool{false, true} {
		for _, id := range []string{"mine", "other"} {
			for _, v := range []objectstore.Version{"old", "new"} {
				for _, cond := range []objectstore.Condition{objectstore.IfAbsent(), objectstore.IfMatch("old")} {
					for _, cause := range []error{objectstore.ErrPreconditionFailed, objectstore.ErrUnknownOutcome} {
						now := document{id, v}
						if !present {
							now = document{}
						}
						holds := cond.IsAbsent() && !present || !cond.IsAbsent() && present && v == "old"
						want := conflict
						switch {
						case present && id == "mine":
							want = written
						case holds && cause == objectstore.ErrUnknownOutcome:
							want = unknown
						}
						if got := verdict(now, present, "mine", cond, cause); got != want {
							t.Errorf("%+v %v %v %v: %d, expected %d", now, present, cond, cause, got, want)
						}
					}
				}
			}
		}
	}
}

func TestUpdateAsPrimary(t *testing.T) {
	r, _, ctx := setup(t)
	mustCluster(t, r)
	me := NodeRef{"n1", "i1"}
	reign := func(e record.Epoch, p NodeRef) {
		t.Helper()
		if _, err := r.UpdateCluster(ctx, func(c *Cluster) error { c.Epoch, c.Primary = e, p; return nil }); err != nil {
			t.Fatal(err)
		}
	}
	compact := func(c *Cluster) error { c.CompactionRevision++; return nil }
	reign(1, me)
	if c, err := r.UpdateAsPrimary(ctx, 1, me, compact); err != nil || c.CompactionRevision != 1 {
		t.Fatalf("%+v, %v", c, err)
	}
	for name, fn := range map[string]func(*Cluster){
		"epoch": func(c *Cluster) { c.Epoch++ }, "primary": func(c *Cluster) { c.Primary = NodeRef{} }, "office": func(c *Cluster) { c.Office++ },
	} {
		if _, err := r.UpdateAsPrimary(ctx, 1, me, func(c *Cluster) error { fn(c); return nil }); err == nil {
			t.Errorf("the Primary changed %s", name)
		}
	}
	for name, change := range map[string]func(){
		"new reign":           func() { reign(2, NodeRef{}) },
		"another Primary":     func() { reign(2, NodeRef{"n2", "i1"}) },
		"another incarnation": func() { reign(2, NodeRef{"n1", "i2"}) },
	} {
		change()
		var deposed *DeposedError
		_, err := r.UpdateAsPrimary(ctx, 1, me, compact)
		if !errors.Is(err, ErrDeposed) || !errors.As(err, &deposed) || deposed.NowEpoch != 2 {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := r.UpdateAsPrimary(ctx, 2, me, compact); !errors.Is(err, ErrDeposed) {
		t.Errorf("right epoch, wrong incarnation: %v", err)
	}
}

// A reign that begins between the Primary's read and its write refuses the write.
func TestDeposedBetweenReadAndWrite(t *testing.T) {
	r, f, ctx := setup(t)
	mustCluster(t, r)
	me := NodeRef{"n1", "i1"}
	if _, err := r.UpdateCluster(ctx, func(c *Cluster) error { c.Epoch, c.Primary = 1, me; return nil }); err != nil {
		t.Fatal(err)
	}
	depose := fault.Hook(func(*fault.Request) {
		if _, err := r.UpdateCluster(ctx, func(c *Cluster) error { c.Epoch, c.Primary = 2, NodeRef{}; return nil }); err != nil {
			t.Error(err)
		}
	})
	f.Inject(fault.Once(fault.Puts(ClusterKey), depose))
	if _, err := r.UpdateAsPrimary(ctx, 1, me, func(c *Cluster) error { c.CompactionRevision = 5; return nil }); !errors.Is(err, ErrDeposed) {
		t.Errorf("%v", err)
	}
	if c, _ := r.Cluster(ctx); c.CompactionRevision != 0 {
		t.Error("a deposed Primary wrote")
	}
}

func TestClusterMismatch(t *testing.T) {
	r, f, ctx := setup(t)
	mustCluster(t, r)
	if _, err := r.AssignMembers(ctx, []string{"n"}); err != nil {
		t.Fatal(err)
	}
	other := New(f, "c2")
	for name, call := range map[string]func() error{
		"read":    func() error { _, err := other.Cluster(ctx); return err },
		"ensure":  func() error { _, err := other.EnsureCluster(ctx, 0); return err },
		"members": func() error { _, err := other.AssignMembers(ctx, []string{"m"}); return err },
	} {
		err := call()
		var m *ClusterMismatchError
		if !errors.As(err, &m) || m.Found != "c1" || m.Want != "c2" || !Permanent(err) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestMembersAreStable(t *testing.T) {
	r, f, ctx := setup(t)
	m, err := r.AssignMembers(ctx, []string{"n1", "n2"})
	if err != nil || m.IDs["n1"] == 0 || m.IDs["n2"] == 0 || m.IDs["n1"] == m.IDs["n2"] {
		t.Fatalf("%+v, %v", m, err)
	}
	before := content(t, f, MembersKey)
	if again, err := r.AssignMembers(ctx, []string{"n2", "n1"}); err != nil || again.IDs["n1"] != m.IDs["n1"] || content(t, f, MembersKey) != before {
		t.Errorf("assigning again wrote, or changed: %+v, %v", again, err)
	}
	f.Inject(fault.Once(fault.Puts(MembersKey), fault.LostReply()))
	grown, err := r.AssignMembers(ctx, []string{"n3"})
	if err != nil || grown.IDs["n1"] != m.IDs["n1"] || grown.IDs["n3"] == 0 || len(grown.IDs) != 3 {
		t.Errorf("%+v, %v", grown, err)
	}
}

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

// Damage of every kind names the object, and the field where there is one.
func TestDamagedDocuments(t *testing.T) {
	r, f, ctx := setup(t)
	mustCluster(t, r)
	good := content(t, f, ClusterKey)
	for name, c := range map[string]struct{ body, field string }{
		"empty":          {"", ""},
		"truncated":      {good[:len(good)/2], ""},
		"array":          {"[]", ""},
		"trailing":       {good + "{}", ""},
		"twice":          {strings.Replace(good, `{`, `{"seq": 1,`, 1), ""},
		"missing":        {strings.Replace(good, `"epoch"`, `"Epoch"`, 1), "epoch"},
		"null":           {strings.Replace(good, `"origin": 0`, `"origin": null`, 1), "origin"},
		"string epoch":   {strings.Replace(good, `"epoch": 0`, `"epoch": "0"`, 1), "epoch"},
		"fraction":       {strings.Replace(good, `"epoch": 0`, `"epoch": 0.5`, 1), "epoch"},
		"negative":       {strings.Replace(good, `"epoch": 0`, `"epoch": -1`, 1), "epoch"},
		"unknown mode":   {strings.Replace(good, `"object-storage"`, `"raft"`, 1), "durability"},
		"voters no list": {strings.Replace(good, `"voters": []`, `"voters": {}`, 1), "durability.voters"},
		"primary":        {strings.Replace(good, `"node_id": ""`, `"node_id": "n1"`, 1), "primary"},
		"primary number": {strings.Replace(good, `"node_id": ""`, `"node_id": 1`, 1), "primary.node_id"},
	} {
		if c.body == good {
			t.Fatalf("%s: the case doesn't apply", name)
		}
		overwrite(t, f, ClusterKey, c.body)
		_, err := r.UpdateCluster(ctx, func(*Cluster) error { return nil })
		var d *DamagedError
		if !errors.As(err, &d) || d.Key != ClusterKey || d.Field != c.field || !Permanent(err) {
			t.Errorf("%s: %v", name, err)
		}
		if content(t, f, ClusterKey) != c.body {
			t.Errorf("%s: was overwritten", name)
		}
	}
	overwrite(t, f, ClusterKey, strings.Repeat(" ", maxDocument+1))
	if _, err := r.Cluster(ctx); !Permanent(err) {
		t.Errorf("oversized: %v", err)
	}
	for name, members := range map[string]string{"zero": `{"a": 0}`, "shared": `{"a": 1, "b": 1}`, "negative": `{"a": -1}`, "null": `{"a": null}`} {
		overwrite(t, f, MembersKey, fmt.Sprintf(`{"cluster_id": "c1", "seq": 1, "write_id": "w", "members": %s}`, members))
		var d *DamagedError
		if _, err := r.Members(ctx); !errors.As(err, &d) {
			t.Errorf("member ids %s: %v", name, err)
		}
	}
}

// Whatever the bytes: a typed error, or a document that can be written back and
// read again as the same.
func FuzzParse(f *testing.F) {
	c := Cluster{ClusterID: "c1", Epoch: 2, Primary: NodeRef{"n", "i"}, Durability: Durability{Mode: ModeQuorum, Quorum: -1, Voters: []NodeRef{{"n", "i"}}}}
	f.Add(c.encode())
	m := Members{ClusterID: "c1", IDs: map[string]uint64{"n": 1 << 63}}
	f.Add(m.encode())
	n := testNode()
	n.ClusterID, n.startID = "c1", "s"
	f.Add(n.encode())
	f.Add([]byte(`{"cluster_id": "c1", "primary": {"node_id": [`))
	f.Fuzz(func(t *testing.T, b []byte) {
		if c, err := parseCluster(b, "v", "c1"); err == nil {
			again, err := parseCluster(c.encode(), "v", "c1")
			if err != nil || again.Epoch != c.Epoch || again.Primary != c.Primary || !again.Durability.Equal(c.Durability) || len(again.raw) != len(c.raw) {
				t.Errorf("%+v became %+v: %v", c, again, err)
			}
		} else if !isDocumentProblem(err) {
			t.Errorf("untyped: %v", err)
		}
		if m, err := parseMembers(b, "v", "c1"); err == nil {
			again, err := parseMembers(m.encode(), "v", "c1")
			if err != nil || len(again.IDs) != len(m.IDs) {
				t.Errorf("%+v became %+v: %v", m, again, err)
			}
		} else if !isDocumentProblem(err) {
			t.Errorf("untyped: %v", err)
		}
		if n, err := parseNode(b, "v", "c1", NodeKey("n1")); err == nil {
			if _, err := parseNode(n.encode(), "v", "c1", NodeKey("n1")); err != nil {
				t.Error(err)
			}
		} else if !isDocumentProblem(err) {
			t.Errorf("untyped: %v", err)
		}
	})
}
