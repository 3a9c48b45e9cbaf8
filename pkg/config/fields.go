package config

import "time"

// fields lists every setting of the cluster file, in the order of the reference
// and of the sample.
var fields = []field{
	required("cluster_id", func(c *Cluster) *string { return &c.ClusterID }, clusterName(),
		"Names the cluster. It is part of every certificate's identity and is stored in the bucket and in each node's data directory: a process of another cluster is refused. It can't change later."),

	required("storage.provider", func(c *Cluster) *string { return &c.Storage.Provider }, oneOf(ProviderS3, ProviderGCS, ProviderFile),
		"Where the cluster's data lives: S3 or a server that speaks its protocol, Google Cloud Storage, or a directory (for development and single-machine use)."),
	required("storage.bucket_name", func(c *Cluster) *string { return &c.Storage.BucketName }, text("not empty", notEmpty),
		"The bucket. It must exist. For provider \"file\": the absolute path of a directory."),
	optional("storage.key_prefix", func(c *Cluster) *string { return &c.Storage.KeyPrefix }, "", text("letters, digits, . _ - /", keyPrefix),
		"Put before every object's key, so that several clusters can share a bucket. No lifecycle rule may expire objects under it. It can't change later."),
	optional("storage.class", func(c *Cluster) *string { return &c.Storage.Class }, "STANDARD", text("a class whose objects can be read at once", storageClass),
		"Storage class of new objects; \"\" leaves it to the bucket. Ignored by provider \"file\"."),
	optional("storage.encryption", func(c *Cluster) *string { return &c.Storage.Encryption }, EncryptionProvider, oneOf(EncryptionProvider, EncryptionKMS),
		"Encryption at rest: as the bucket says (\"provider-managed\"), or with a key in the provider's key management service."),
	optional("storage.kms_key_id", func(c *Cluster) *string { return &c.Storage.KMSKeyID }, "", text("an ARN, id or alias (s3), or a key's full resource name (gcs)", noSpace),
		"The key for encryption \"kms\". Empty with s3: the account's own key for S3."),
	optional("storage.endpoint", func(c *Cluster) *string { return &c.Storage.Endpoint }, "", text("http:// or https:// and a host", endpoint),
		"URL of an S3-compatible server, or of a GCS emulator. Empty: the provider's own."),
	optional("storage.region", func(c *Cluster) *string { return &c.Storage.Region }, "", text("letters, digits, hyphens", region),
		"Region of the bucket. Empty: from the environment (AWS_REGION, profile, instance)."),
	optional("storage.path_style", func(c *Cluster) *bool { return &c.Storage.PathStyle }, false, boolean(),
		"Put the bucket into the URL's path instead of its host name, as most S3-compatible servers need."),

	optional("heartbeat_interval", func(c *Cluster) *time.Duration { return &c.HeartbeatInterval }, 500*time.Millisecond, duration(50*time.Millisecond, 30*time.Second, false),
		"How often each node reports to the elector, and the Primary to its followers."),

	optional("elector.degradation_count", func(c *Cluster) *int { return &c.Elector.DegradationCount }, 2, integer(1, 100),
		"Missed heartbeats after which the elector calls a node degraded."),
	optional("elector.deregistration_timeout", func(c *Cluster) *time.Duration { return &c.Elector.DeregistrationTimeout }, 3*time.Minute, duration(time.Second, 24*time.Hour, false),
		"How long a node must be gone before the elector deregisters it: the Primary stops counting it among the voters, and its registration is deleted. It registers again when it starts. It must be longer than primary_prior_timeout."),
	optional("elector.primary_prior_timeout", func(c *Cluster) *time.Duration { return &c.Elector.PrimaryPriorTimeout }, 2*time.Second, duration(100*time.Millisecond, 5*time.Minute, false),
		"How long the elector waits for an unreachable Primary, since it last heard it, before it chooses another: most of the time without writes when a Primary dies. Read leases last nine tenths of it, so it must exceed the heartbeats that may be lost: heartbeat_interval x (elector.degradation_count + 1) x 10/9."),

	optional("replication.quorum", func(c *Cluster) *int { return &c.Replication.Quorum }, QuorumMajority, integer(-1, 63),
		"Receipts a write needs from other voters before it is acknowledged: -1 for a majority, 0 to acknowledge by object storage only."),
	optional("replication.degradation_count", func(c *Cluster) *int { return &c.Replication.DegradationCount }, 2, integer(1, 100),
		"Missed receipts after which the Primary stops counting on a follower."),
	optional("replication.quorum_timeout", func(c *Cluster) *time.Duration { return &c.Replication.QuorumTimeout }, time.Second, duration(10*time.Millisecond, time.Minute, false),
		"How long a batch of writes waits for its receipts before it goes to object storage instead."),
	optional("replication.chunk_buffer.threshold_size_mb", func(c *Cluster) *int { return &c.Replication.ChunkBuffer.ThresholdSizeMB }, 4, integer(1, 64),
		"Size in MB at which committed records are written to object storage."),
	optional("replication.chunk_buffer.threshold_age_minutes", func(c *Cluster) *int { return &c.Replication.ChunkBuffer.ThresholdAgeMinutes }, 1, integer(1, 60),
		"Age in minutes at which committed records are written to object storage."),

	optional("snapshot.threshold_records", func(c *Cluster) *int { return &c.Snapshot.ThresholdRecords }, 10000, integer(0, 1<<30),
		"Records in the log beyond the newest snapshot at which the compactor writes another, if their chunks come to a quarter of its size. 0: off."),
	optional("snapshot.threshold_size_mb", func(c *Cluster) *int { return &c.Snapshot.ThresholdSizeMB }, 10000, integer(0, 1<<30),
		"Size in MB of the log beyond the newest snapshot at which the compactor writes another, if it is a quarter of its size. 0: off."),
	optional("snapshot.threshold_age_minutes", func(c *Cluster) *int { return &c.Snapshot.ThresholdAgeMinutes }, 0, integer(0, 525600),
		"Age in minutes of the newest snapshot at which the compactor writes another. 0: off."),
	optional("snapshot.retention", func(c *Cluster) *time.Duration { return &c.Snapshot.Retention }, time.Hour, duration(10*time.Minute, 365*24*time.Hour, false),
		"How old, by the store's clock, what a snapshot supersedes must be before it is deleted."),
	optional("snapshot.keep", func(c *Cluster) *int { return &c.Snapshot.Keep }, 3, integer(2, 1000),
		"How many snapshots are kept. At least 2, so that a damaged newest one costs nothing."),

	optional("compaction_interval", func(c *Cluster) *time.Duration { return &c.CompactionInterval }, 5*time.Minute, duration(time.Second, 24*time.Hour, true),
		"How often old revisions are compacted. \"0\": never, for clients that drive compaction themselves."),
	optional("etcd_api", func(c *Cluster) *string { return &c.EtcdAPI }, APIKubernetes, oneOf(APIKubernetes, APIEtcd),
		"Which etcd calls clients may use: what Kubernetes needs, or Put, DeleteRange and Compact as well."),
}

// sections explains the objects that hold fields.
var sections = map[string]string{
	"storage":                  "Where the cluster's data lives.",
	"elector":                  "How the Primary is chosen.",
	"replication":              "How writes become durable.",
	"replication.chunk_buffer": "When records acknowledged by receipts are written to object storage.",
	"snapshot":                 "When the compactor merges the log into a snapshot, and what it keeps.",
}
