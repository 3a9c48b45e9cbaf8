// Package mvcc keeps one node's copy of the history (SQLite) and of the present
// state (an ordered tree in memory), and evaluates reads and transactions on them
// with etcd's semantics. It knows nothing of object storage, elections or gRPC
// servers: what may be acknowledged is decided above it. DESIGN.md explains it.
package mvcc
