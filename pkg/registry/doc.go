// Package registry keeps the three kinds of documents through which Netsy's
// processes find each other in object storage: cluster.json (who reigns, by which
// durability rule, and what history the cluster began with: package origin decides
// that), members.json (member ids, stable for ever) and nodes/{node_id}.json (where
// each node is).
//
// Every write is conditional, carries over what it doesn't change (fields that
// this version doesn't know included), raises seq by one and has a new random
// write_id, so that no two versions of a document have equal bytes: a version
// token may be a hash of them. Write ids are also how a writer whose reply was
// lost recognises its own write.
package registry

import "github.com/netsy-io/netsy/pkg/objectstore"

// Keys of the documents, under the store's prefix.
const (
	ClusterKey  = "cluster.json"
	MembersKey  = "members.json"
	NodesPrefix = "nodes/"
)

// Bounds on what is read into memory: far above what a cluster can need (a
// voter or member entry is about 100 bytes), far below what would hurt.
const (
	maxDocument = 1 << 20
	maxNode     = 64 << 10
)

// Registry reads and writes the documents of one cluster. It holds no state but
// an id of this process, and is safe for concurrent use.
type Registry struct {
	store     objectstore.Store
	clusterID string
	startID   string // random; tells this process's registrations from another's
}

// New makes a Registry for the cluster whose documents are in store.
func New(store objectstore.Store, clusterID string) *Registry {
	return &Registry{store: store, clusterID: clusterID, startID: newWriteID()}
}

// NodeKey is the key of a node's document.
func NodeKey(nodeID string) string { return NodesPrefix + nodeID + ".json" }
