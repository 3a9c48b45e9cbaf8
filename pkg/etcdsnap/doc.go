// Package etcdsnap reads and writes etcd's snapshot files, and turns their contents
// into Netsy's history and back. See DESIGN.md.
//
// A snapshot file is etcd's database (bbolt) with its SHA-256 appended, as
// `etcdctl snapshot save` writes it; a member's own database (member/snap/db) has
// no hash. What is in which bucket is etcd's storage schema of 3.5 and 3.6.
package etcdsnap

// etcd's buckets. The first three hold what is kept; the others exist so that etcd
// finds them.
var (
	bucketKey   = []byte("key")
	bucketMeta  = []byte("meta")
	bucketLease = []byte("lease")

	otherBuckets = []string{"alarm", "auth", "authRoles", "authUsers", "cluster", "members", "members_removed"}
)

// Keys of the bucket meta.
var (
	metaScheduledCompact = []byte("scheduledCompactRev")
	metaFinishedCompact  = []byte("finishedCompactRev")
	metaConsistentIndex  = []byte("consistent_index")
	metaTerm             = []byte("term")
	metaStorageVersion   = []byte("storageVersion")
	metaAuthEnabled      = []byte("authEnabled")
)
