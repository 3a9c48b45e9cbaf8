package registry

import (
	"testing"
)

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
