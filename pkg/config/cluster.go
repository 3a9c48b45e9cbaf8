// Package config reads what Netsy's processes are told: the cluster file (JSONC,
// the same everywhere in a cluster) and each process's own environment or flags.
//
// Every setting is one entry of a table (fields.go, settings.go) with its default,
// limits and explanation. Parsing, validation, command-line flags, the reference in
// docs/configuration.md and `netsyctl config explain` all come from these tables.
// Reading never stops at the first mistake: all are reported at once, as Problems.
package config

import "time"

// Cluster is the content of the cluster file. Field comments are in fields.go.
type Cluster struct {
	ClusterID          string
	Storage            Storage
	HeartbeatInterval  time.Duration
	Elector            Elector
	Replication        Replication
	Snapshot           Snapshot
	CompactionInterval time.Duration // 0: never
	EtcdAPI            string        // APIKubernetes or APIEtcd
}

// Storage says where the object storage is.
type Storage struct {
	Provider   string // ProviderS3, ProviderGCS or ProviderFile
	BucketName string // for ProviderFile: an absolute directory
	KeyPrefix  string
	Class      string
	Encryption string // EncryptionProvider or EncryptionKMS
	KMSKeyID   string
	Region     string
	Endpoint   string
	PathStyle  bool
}

// Elector holds the rules of elections.
type Elector struct {
	DegradationCount      int
	DeregistrationTimeout time.Duration
	PrimaryPriorTimeout   time.Duration
}

// Replication holds the rules of the quorum path.
type Replication struct {
	Quorum           int // QuorumMajority, 0 (object storage only), or receipts needed
	DegradationCount int
	QuorumTimeout    time.Duration
	ChunkBuffer      ChunkBuffer
}

// ChunkBuffer says when committed records go to the object log.
type ChunkBuffer struct {
	ThresholdSizeMB     int
	ThresholdAgeMinutes int
}

// Snapshot says when the compactor writes one, and what it keeps. A threshold of 0 is off.
type Snapshot struct {
	ThresholdRecords    int
	ThresholdSizeMB     int
	ThresholdAgeMinutes int
	Retention           time.Duration
	Keep                int
}

// Values of the fields that choose among a few.
const (
	ProviderS3   = "s3"
	ProviderGCS  = "gcs"
	ProviderFile = "file"

	EncryptionProvider = "provider-managed"
	EncryptionKMS      = "kms"

	APIKubernetes = "kubernetes"
	APIEtcd       = "etcd"

	// QuorumMajority: floor(V/2) receipts of V voters beside the Primary's own commit.
	QuorumMajority = -1
)

// LeaseDuration is how long a read lease lasts that this cluster's elector grants.
func (c *Cluster) LeaseDuration() time.Duration { return LeaseDuration(c.Elector.PrimaryPriorTimeout) }

// Defaults returns a Cluster in which every field that has a default has it.
func Defaults() *Cluster {
	c := &Cluster{}
	for _, f := range fields {
		f.reset(c)
	}
	return c
}
