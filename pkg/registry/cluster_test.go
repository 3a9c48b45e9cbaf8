package registry

import (
	"strings"
	"testing"
	"time"

	"github.com/netsy-io/netsy/pkg/record"
)

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

// lease_timeout_nanos is absent in documents of earlier versions. Once it is there
// whoever writes carries it over, and only a write with a new epoch makes it less.
func TestLeaseTimeout(t *testing.T) {
	r, f, ctx := setup(t)
	mustCluster(t, r)
	doc := content(t, f, ClusterKey)
	old := strings.Replace(doc, `"lease_timeout_nanos": 0,`, "", 1)
	if old == doc {
		t.Fatalf("the case doesn't apply:\n%s", doc)
	}
	overwrite(t, f, ClusterKey, old)
	if c, err := r.Cluster(ctx); err != nil || c.LeaseTimeout != 0 {
		t.Fatalf("a document of an earlier version: %+v, %v", c, err)
	}

	me := NodeRef{"n1", "i1"}
	must := func(c Cluster, err error) {
		t.Helper()
		if now, rerr := r.Cluster(ctx); err != nil || rerr != nil || now.LeaseTimeout != c.LeaseTimeout {
			t.Fatalf("%v, %v: %v written, %v there", err, rerr, c.LeaseTimeout, now.LeaseTimeout)
		}
	}
	set := func(d time.Duration, epochs record.Epoch) (Cluster, error) {
		return r.UpdateCluster(ctx, func(c *Cluster) error { c.LeaseTimeout, c.Epoch, c.Primary = d, c.Epoch+epochs, me; return nil })
	}
	must(set(30*time.Second+1, 1))
	must(r.UpdateAsPrimary(ctx, 1, me, func(c *Cluster) error { c.CompactionRevision++; return nil }))
	must(r.UpdateCluster(ctx, func(c *Cluster) error { c.Office++; return nil }))
	must(r.EnsureCluster(ctx, 0))
	if c, err := r.Cluster(ctx); err != nil || c.LeaseTimeout != 30*time.Second+1 || !strings.Contains(content(t, f, ClusterKey), `"lease_timeout_nanos": 30000000001`) {
		t.Fatalf("%+v, %v:\n%s", c, err, content(t, f, ClusterKey))
	}
	if _, err := set(2*time.Second, 0); err == nil {
		t.Error("less within an epoch")
	}
	if _, err := set(-1, 1); err == nil {
		t.Error("negative, and written")
	}
	if c, err := r.Cluster(ctx); err != nil || c.LeaseTimeout != 30*time.Second+1 || c.Epoch != 1 {
		t.Errorf("a refused write was made: %+v, %v", c, err)
	}
	must(set(time.Minute, 0))
	must(set(2*time.Second, 1))
}
