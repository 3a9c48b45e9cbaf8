package registry

import (
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"github.com/netsy-io/netsy/pkg/objectstore"
	"github.com/netsy-io/netsy/pkg/record"
)

// Mode says which path may acknowledge writes.
type Mode string

const (
	ModeObjectStorage Mode = "object-storage"
	ModeQuorum        Mode = "quorum"
)

// QuorumMajority is the value of Durability.Quorum that means a majority.
const QuorumMajority = -1

// NodeRef names one life of a node: its id, and the incarnation of its data.
type NodeRef struct {
	NodeID      string `json:"node_id"`
	Incarnation string `json:"incarnation"`
}

// IsZero reports whether no node is named.
func (r NodeRef) IsZero() bool { return r == NodeRef{} }

func (r NodeRef) String() string {
	if r.IsZero() {
		return "none"
	}
	return r.NodeID + "/" + r.Incarnation
}

// Durability is the rule by which writes are acknowledged, and so the rule by
// which elections count.
type Durability struct {
	Mode   Mode      `json:"mode"`
	Quorum int       `json:"quorum"` // receipts a commit needs; -1: a majority of the voters
	Voters []NodeRef `json:"voters"`
}

// Clone returns a copy that shares nothing.
func (d Durability) Clone() Durability {
	d.Voters = slices.Clone(d.Voters)
	return d
}

// Equal reports whether both are the same rule.
func (d Durability) Equal(o Durability) bool {
	return d.Mode == o.Mode && d.Quorum == o.Quorum && slices.Equal(d.Voters, o.Voters)
}

func (d Durability) validate() error {
	switch {
	case d.Mode != ModeObjectStorage && d.Mode != ModeQuorum:
		return fmt.Errorf("unknown mode %q", d.Mode)
	case d.Quorum < QuorumMajority:
		return fmt.Errorf("quorum is %d, expected -1 or more", d.Quorum)
	case d.Mode == ModeQuorum && len(d.Voters) == 0:
		return fmt.Errorf("mode %q without voters", d.Mode)
	}
	seen := map[string]bool{}
	for _, v := range d.Voters {
		if v.NodeID == "" || v.Incarnation == "" {
			return fmt.Errorf("a voter without node_id or incarnation")
		}
		if seen[v.NodeID] {
			return fmt.Errorf("voter %q appears twice", v.NodeID)
		}
		seen[v.NodeID] = true
	}
	return nil
}

// Cluster is cluster.json as of one version.
type Cluster struct {
	ClusterID string
	Seq       int64  // grows by one with each write
	WriteID   string // random, new with each write
	Office    int64  // terms of electors
	Epoch     record.Epoch
	Primary   NodeRef // zero while a reign is being prepared

	// LeaseTimeout is longer than any read lease that may still be valid lasts,
	// whichever elector granted it; 0 if no elector has said so yet.
	LeaseTimeout time.Duration

	CompactionRevision record.Revision
	Origin             record.Revision // last revision of the history that the cluster began with; 0: began empty
	Durability         Durability

	version objectstore.Version
	raw     object
}

// Version is the token of the version that was read or written.
func (c *Cluster) Version() objectstore.Version { return c.version }

func parseCluster(b []byte, v objectstore.Version, clusterID string) (Cluster, error) {
	c := Cluster{version: v}
	var err error
	if c.raw, err = parseObject(b); err != nil {
		return Cluster{}, &DamagedError{Key: ClusterKey, Err: err}
	}
	f := &fields{key: ClusterKey, obj: c.raw}
	if f.get("cluster_id", &c.ClusterID); f.err == nil && c.ClusterID != clusterID {
		return Cluster{}, &ClusterMismatchError{Key: ClusterKey, Want: clusterID, Found: c.ClusterID}
	}
	f.get("seq", &c.Seq)
	f.get("write_id", &c.WriteID)
	f.get("office", &c.Office)
	f.get("epoch", &c.Epoch)
	f.optional("lease_timeout_nanos", &c.LeaseTimeout)
	f.get("compaction_revision", &c.CompactionRevision)
	f.get("origin", &c.Origin)
	p := f.child("primary")
	p.get("node_id", &c.Primary.NodeID)
	p.get("incarnation", &c.Primary.Incarnation)
	d := &fields{key: ClusterKey, err: p.err}
	if d.err == nil {
		d = f.child("durability")
	}
	d.get("mode", &c.Durability.Mode)
	d.get("quorum", &c.Durability.Quorum)
	d.get("voters", &c.Durability.Voters)
	if d.err != nil {
		return Cluster{}, d.err
	}
	if err := c.validate(); err != nil {
		return Cluster{}, err
	}
	return c, nil
}

// validate refuses what no version of Netsy writes.
func (c *Cluster) validate() error {
	bad := func(field, format string, args ...any) error {
		return &DamagedError{Key: ClusterKey, Field: field, Err: fmt.Errorf(format, args...)}
	}
	switch {
	case c.Seq < 1:
		return bad("seq", "is %d, expected 1 or more", c.Seq)
	case c.WriteID == "":
		return bad("write_id", "is empty")
	case c.Office < 0:
		return bad("office", "is negative: %d", c.Office)
	case c.Epoch < 0:
		return bad("epoch", "is negative: %d", c.Epoch)
	case c.LeaseTimeout < 0:
		return bad("lease_timeout_nanos", "is negative: %d", int64(c.LeaseTimeout))
	case c.CompactionRevision < 0:
		return bad("compaction_revision", "is negative: %d", c.CompactionRevision)
	case c.Origin < 0:
		return bad("origin", "is negative: %d", c.Origin)
	case (c.Primary.NodeID == "") != (c.Primary.Incarnation == ""):
		return bad("primary", "names only one of node_id and incarnation")
	case c.Epoch == 0 && !c.Primary.IsZero():
		return bad("primary", "is %s in epoch 0, before the first reign", c.Primary)
	}
	if err := c.Durability.validate(); err != nil {
		return bad("durability", "%w", err)
	}
	return nil
}

// encode gives the bytes of the version after c's, which it makes c become, all
// but the version token.
func (c *Cluster) encode() []byte {
	c.Seq++
	c.WriteID = newWriteID()
	o := c.raw.clone()
	o.set("cluster_id", c.ClusterID)
	o.set("seq", c.Seq)
	o.set("write_id", c.WriteID)
	o.set("office", c.Office)
	o.set("epoch", c.Epoch)
	o.set("lease_timeout_nanos", int64(c.LeaseTimeout))
	o.set("compaction_revision", c.CompactionRevision)
	o.set("origin", c.Origin)
	setPrimary(o, c.Primary)
	setDurability(o, c.Durability)
	c.raw = o
	return o.bytes()
}

// setPrimary keeps the object as it is if it names the same node: what a later
// version says about a Primary is not true of the next one.
func setPrimary(o object, p NodeRef) {
	var have NodeRef
	if json.Unmarshal(o["primary"], &have) == nil && have == p {
		return
	}
	o.set("primary", p)
}

// setDurability keeps the fields of the object, and of its voters, that this
// version doesn't know.
func setDurability(o object, d Durability) {
	var have Durability
	if json.Unmarshal(o["durability"], &have) == nil && have.Equal(d) {
		return
	}
	inner, err := parseObject(o["durability"])
	if err != nil {
		inner = object{} // there was none: a new document
	}
	inner.set("mode", d.Mode)
	inner.set("quorum", d.Quorum)
	if !slices.Equal(have.Voters, d.Voters) || inner["voters"] == nil {
		inner.set("voters", votersAsTheyWere(inner["voters"], d.Voters))
	}
	o.set("durability", inner)
}

// votersAsTheyWere gives the JSON of each voter: of those that stay, that which is
// there.
func votersAsTheyWere(had json.RawMessage, voters []NodeRef) []json.RawMessage {
	var raws []json.RawMessage
	_ = json.Unmarshal(had, &raws) // no list: nothing to keep
	known := make(map[NodeRef]json.RawMessage, len(raws))
	for _, raw := range raws {
		var ref NodeRef
		if json.Unmarshal(raw, &ref) == nil {
			known[ref] = raw
		}
	}
	out := make([]json.RawMessage, len(voters))
	for i, v := range voters {
		if out[i] = known[v]; out[i] == nil {
			o := object{}
			o.set("node_id", v.NodeID)
			o.set("incarnation", v.Incarnation)
			out[i] = o.bytes()
		}
	}
	return out
}
