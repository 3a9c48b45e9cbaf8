package registry

import (
	"fmt"
	"slices"
	"strings"

	"github.com/netsy-io/netsy/pkg/objectstore"
)

// Node is nodes/{node_id}.json as of one version: where a node is, and which life
// of it.
type Node struct {
	ClusterID   string
	NodeID      string
	Incarnation string // random, made with the node's SQLite file
	StartCount  int64  // starts of that file, as it counts them itself
	Version     string // of the software
	ClientURLs  []string
	PeerURLs    []string

	seq     int64
	writeID string
	startID string
	version objectstore.Version
	raw     object
}

// Ref names the node's present life.
func (n *Node) Ref() NodeRef { return NodeRef{NodeID: n.NodeID, Incarnation: n.Incarnation} }

func parseNode(b []byte, v objectstore.Version, clusterID, key string) (Node, error) {
	n := Node{version: v}
	var err error
	if n.raw, err = parseObject(b); err != nil {
		return Node{}, &DamagedError{Key: key, Err: err}
	}
	f := &fields{key: key, obj: n.raw}
	if f.get("cluster_id", &n.ClusterID); f.err == nil && n.ClusterID != clusterID {
		return Node{}, &ClusterMismatchError{Key: key, Want: clusterID, Found: n.ClusterID}
	}
	f.get("node_id", &n.NodeID)
	f.get("incarnation", &n.Incarnation)
	f.get("start_counter", &n.StartCount)
	f.get("version", &n.Version)
	f.get("client_urls", &n.ClientURLs)
	f.get("peer_urls", &n.PeerURLs)
	f.get("seq", &n.seq)
	f.get("write_id", &n.writeID)
	f.get("start_id", &n.startID)
	if f.err != nil {
		return Node{}, f.err
	}
	if err := n.validate(); err != nil {
		return Node{}, &DamagedError{Key: key, Err: err}
	}
	if NodeKey(n.NodeID) != key {
		return Node{}, &DamagedError{Key: key, Field: "node_id", Err: fmt.Errorf("is %q, which belongs at %s", n.NodeID, NodeKey(n.NodeID))}
	}
	return n, nil
}

func (n *Node) validate() error {
	switch {
	case n.NodeID == "" || strings.Contains(n.NodeID, "/"):
		return fmt.Errorf("node_id %q is not a node id", n.NodeID)
	case n.Incarnation == "":
		return fmt.Errorf("incarnation is empty")
	case n.StartCount < 1:
		return fmt.Errorf("start_counter is %d, expected 1 or more", n.StartCount)
	case len(n.ClientURLs) == 0 || slices.Contains(n.ClientURLs, ""):
		return fmt.Errorf("client_urls %q: expected at least one, none empty", n.ClientURLs)
	case len(n.PeerURLs) == 0 || slices.Contains(n.PeerURLs, ""):
		return fmt.Errorf("peer_urls %q: expected at least one, none empty", n.PeerURLs)
	}
	return nil
}

func (n *Node) encode() []byte {
	n.seq++
	n.writeID = newWriteID()
	o := n.raw.clone()
	o.set("cluster_id", n.ClusterID)
	o.set("node_id", n.NodeID)
	o.set("incarnation", n.Incarnation)
	o.set("start_counter", n.StartCount)
	o.set("version", n.Version)
	o.set("client_urls", n.ClientURLs)
	o.set("peer_urls", n.PeerURLs)
	o.set("seq", n.seq)
	o.set("write_id", n.writeID)
	o.set("start_id", n.startID)
	n.raw = o
	return o.bytes()
}
