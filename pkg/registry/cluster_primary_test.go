package registry

import (
	"errors"
	"testing"

	"github.com/netsy-io/netsy/pkg/objectstore/fault"
	"github.com/netsy-io/netsy/pkg/record"
)

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
		"lease_timeout_nanos": func(c *Cluster) { c.LeaseTimeout++ },
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
