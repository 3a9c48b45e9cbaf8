package registry

import (
	"strings"
	"testing"
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
