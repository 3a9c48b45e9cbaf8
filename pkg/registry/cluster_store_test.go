package registry

import (
	"errors"
	"sync"
	"testing"

	"github.com/netsy-io/netsy/pkg/record"
)

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

// What a cluster begins with is the winner's to say, and for good.
func TestCreateCluster(t *testing.T) {
	r, _, ctx := setup(t)
	var wg sync.WaitGroup
	got := make([]Cluster, 8)
	for i := range got {
		wg.Go(func() {
			n := record.Revision(i)
			got[i], _ = r.CreateCluster(ctx, Beginning{Quorum: -1, Origin: 10 * n, Epoch: record.Epoch(n), CompactionRevision: n})
		})
	}
	wg.Wait()
	c := got[0]
	for _, o := range got {
		if o.WriteID == "" || o.WriteID != c.WriteID || o.Origin != c.Origin {
			t.Errorf("creators disagree: %+v, %+v", o, c)
		}
	}
	if c.Origin != 10*record.Revision(c.Epoch) || c.CompactionRevision != record.Revision(c.Epoch) || c.Office != 0 || c.Seq != 1 || !c.Primary.IsZero() {
		t.Errorf("created: %+v", c)
	}
	if now, err := r.EnsureCluster(ctx, 5); err != nil || now.Origin != c.Origin || now.Durability.Quorum != -1 {
		t.Errorf("%+v, %v", now, err)
	}
}

// A history that isn't there has no epoch, and is reduced nowhere.
func TestCreateClusterRefuses(t *testing.T) {
	r, _, ctx := setup(t)
	for _, b := range []Beginning{
		{Epoch: 1}, {CompactionRevision: 1}, {Origin: 5, CompactionRevision: 6}, {Origin: -1}, {Origin: 5, Epoch: -1}, {Origin: 5, CompactionRevision: -1}, {Quorum: -2},
	} {
		if c, err := r.CreateCluster(ctx, b); err == nil {
			t.Errorf("%+v: created %+v", b, c)
		}
	}
	if _, err := r.Cluster(ctx); !errors.Is(err, ErrNotFound) {
		t.Errorf("something was written: %v", err)
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
