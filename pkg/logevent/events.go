// Package logevent names what happens, for whoever reads logs by program: each line at info or
// above has a field "event" with one of these names. Names don't change; messages may. Every
// package that logs uses the constants, and docs/logs.md is made of them: a test sees to both.
package logevent

// A node's state.
const (
	// NodeServing: A node's ports are served.
	NodeServing = "node_serving"
	// NodeStopping: A node was told to stop, or can't go on, and hands over.
	NodeStopping = "node_stopping"
	// DataSetAside: The local copy can't be trusted: it was moved away and a new one begins.
	DataSetAside = "data_set_aside"
	// StoreDegraded: The local disk can't be written, or read; the node steps back until it can.
	StoreDegraded = "store_degraded"
	// DiskRecovered: The local disk can be written again; the node is healthy.
	DiskRecovered = "disk_recovered"
	// StorageDegraded: Object storage can't be used from this node; it can't be elected until it can.
	StorageDegraded = "storage_degraded"
	// StorageRecovered: Object storage can be used again from this node; it is healthy.
	StorageRecovered = "storage_recovered"
	// StoreClosedToWrites: The local database takes no more writes: what it holds on disk is unknown.
	StoreClosedToWrites = "store_closed_to_writes"
	// PurgeFailed: Superseded records could not be removed from the local database; tried again.
	PurgeFailed = "purge_failed"
	// ClusterStateRefused: An elector of another cluster told this node something.
	ClusterStateRefused = "cluster_state_refused"
	// WatchStreamEnded: A watch stream ended by a failure here; its client resumes on another.
	WatchStreamEnded = "watch_stream_ended"
)

// The Primary.
const (
	// PrimaryStarting: This node was elected and begins to take over.
	PrimaryStarting = "primary_starting"
	// PrimaryActive: This node is the active Primary.
	PrimaryActive = "primary_active"
	// PrimaryStartFailed: This node was elected and could not become active.
	PrimaryStartFailed = "primary_start_failed"
	// PrimaryEnded: This node's reign is over; reason says why.
	PrimaryEnded = "primary_ended"
	// PrimaryDrainFailed: A reign was ended before everything was handed over.
	PrimaryDrainFailed = "primary_drain_failed"
	// PrimarySteppingDown: This node hands over because it was asked to.
	PrimarySteppingDown = "primary_stepping_down"
	// PrimaryStepDownFailed: This node was asked to hand over, and did not.
	PrimaryStepDownFailed = "primary_step_down_failed"
	// PreflightAdopt: A starting Primary found a chunk of an older reign after what it knew, and took it over.
	PreflightAdopt = "preflight_adopt"
	// PreflightUpload: A starting Primary brings records into the object log that were on nodes only.
	PreflightUpload = "preflight_upload"
	// PreflightSealed: A starting Primary has closed the object log to every older one.
	PreflightSealed = "preflight_sealed"
	// LeaseExpiryFailed: Keys whose lease ran out could not be deleted; tried again.
	LeaseExpiryFailed = "lease_expiry_failed"
)

// Commits.
const (
	// PathSwitch: Commits go through object storage again instead of a quorum; reason says why.
	PathSwitch = "path_switch"
	// Durability: cluster.json says how commits are made durable from now on, and who votes.
	Durability = "durability"
	// DurabilityRetry: cluster.json could not be told how commits are made durable; tried again.
	DurabilityRetry = "durability_retry"
	// ObjectLogRetry: Object storage didn't answer a request of the object log; tried again.
	ObjectLogRetry = "objectlog_retry"
	// ObjectLogResend: It isn't known whether a chunk was stored; it is sent again.
	ObjectLogResend = "objectlog_resend"
)

// Replication.
const (
	// Following: This node and the Primary agreed on where to go on.
	Following = "following"
	// FollowFailed: This node doesn't follow the Primary; tried again.
	FollowFailed = "follow_failed"
	// FollowerJoined: A replica follows this Primary.
	FollowerJoined = "follower_joined"
	// FollowerLeft: A replica's stream to this Primary ended.
	FollowerLeft = "follower_left"
	// Truncated: Records were removed here that had never been committed.
	Truncated = "truncated"
	// CopiesConflict: This copy and the Primary's contradict each other. Nothing was changed: somebody must look.
	CopiesConflict = "copies_conflict"
	// ForwardBroken: The stream that forwards requests to the Primary broke.
	ForwardBroken = "forward_broken"
	// ForwardNotOpened: The Primary can't be reached to forward requests.
	ForwardNotOpened = "forward_not_opened"
)

// Elections and electors.
const (
	// ElectorTookOffice: This elector is in office.
	ElectorTookOffice = "elector_took_office"
	// ElectorOfficeEnded: This elector's office is over.
	ElectorOfficeEnded = "elector_office_ended"
	// ElectorLeftOffice: Another elector took office.
	ElectorLeftOffice = "elector_left_office"
	// ElectorOfficeFailed: Office could not be taken; tried again.
	ElectorOfficeFailed = "elector_office_failed"
	// ElectorOriginRefused: The cluster can't begin because of what is in the bucket; looked at again until it can.
	ElectorOriginRefused = "elector_origin_refused"
	// ElectorBootstrapLate: There is a bootstrap.netsy in a cluster that has a history; it isn't used.
	ElectorBootstrapLate = "elector_bootstrap_late"
	// ElectorHeldUp: The elector in office can't do what is due; tried again.
	ElectorHeldUp = "elector_held_up"
	// ElectionReign: An election has begun a new epoch; there is no Primary.
	ElectionReign = "election_reign"
	// ElectionDone: An election has made a node Primary.
	ElectionDone = "election_done"
	// ElectionUntold: A new Primary could not be told of its election yet.
	ElectionUntold = "election_untold"
	// ElectionWish: An election follows a request to hand over.
	ElectionWish = "election_wish"
	// LeaderLockTaken: This process holds a lock that one process has at a time.
	LeaderLockTaken = "leader_lock_taken"
	// LeaderLockLost: The lock was lost.
	LeaderLockLost = "leader_lock_lost"
	// LeaderLockMissed: Another process was faster to the lock.
	LeaderLockMissed = "leader_lock_missed"
	// LeaderLockReleased: The lock was given back.
	LeaderLockReleased = "leader_lock_released"
	// LeaderLockNotReleased: The lock could not be given back; it goes stale by itself.
	LeaderLockNotReleased = "leader_lock_not_released"
	// LeaderLockRenewalFailed: The lock could not be renewed; tried again.
	LeaderLockRenewalFailed = "leader_lock_renewal_failed"
	// LeaderLockUnreadable: The lock could not be read; tried again.
	LeaderLockUnreadable = "leader_lock_unreadable"
)

// Membership.
const (
	// RegisterRetry: A node's registration could not be written or checked; tried again.
	RegisterRetry = "register_retry"
	// NodeBack: A node that was to be deregistered has registered again.
	NodeBack = "node_back"
	// NodeDeregistered: A node that left, or was gone for too long, was deregistered.
	NodeDeregistered = "node_deregistered"
	// ElectorNodeLost: The elector doesn't hear a node.
	ElectorNodeLost = "elector_node_lost"
	// VoterRemovalAsked: The elector asks the Primary to remove a voter that is gone.
	VoterRemovalAsked = "voter_removal_asked"
	// VoterRemovalFailed: A voter was not removed; asked again.
	VoterRemovalFailed = "voter_removal_failed"
)

// Loading.
const (
	// ClusterOrigin: The history that the cluster begins with is fixed.
	ClusterOrigin = "cluster_origin"
	// ClusterOriginProgress: The history that the cluster begins with is being read.
	ClusterOriginProgress = "cluster_origin_progress"
	// ClusterOriginPromoted: bootstrap.netsy was put in place as the first snapshot.
	ClusterOriginPromoted = "cluster_origin_promoted"
	// SnapshotLoading: A snapshot is being loaded.
	SnapshotLoading = "snapshot_loading"
	// SnapshotLoaded: A snapshot replaced the local copy.
	SnapshotLoaded = "snapshot_loaded"
	// SnapshotDamaged: A snapshot can't be read; an older one is used.
	SnapshotDamaged = "snapshot_damaged"
	// SnapshotRetry: Object storage didn't answer a request for a snapshot; tried again.
	SnapshotRetry = "snapshot_retry"
	// LoadingTruncate: Local records are removed that the object log doesn't have.
	LoadingTruncate = "loading_truncate"
	// LoadingAgain: What is to be loaded changed meanwhile; begun anew.
	LoadingAgain = "loading_again"
	// CaughtUp: The local copy has come to the end of the object log.
	CaughtUp = "caught_up"
	// LogLoaded: A replica has loaded the object log and follows from there.
	LogLoaded = "log_loaded"
)

// Compaction of history, and compactors.
const (
	// Compaction: History before a revision is compacted.
	Compaction = "compaction"
	// CompactionBlocked: Watches that are far behind hold back compaction.
	CompactionBlocked = "compaction_blocked"
	// CompactionForced: History was compacted that watches still needed; they were cancelled.
	CompactionForced = "compaction_forced"
	// CompactionFailed: History could not be compacted; tried again.
	CompactionFailed = "compaction_failed"
	// CompactorPass: A compactor's pass is over.
	CompactorPass = "compactor_pass"
	// CompactorOvertaken: Another compactor was faster; begun anew.
	CompactorOvertaken = "compactor_overtaken"
	// CompactorFreeing: Superseded objects are being freed.
	CompactorFreeing = "compactor_freeing"
	// CompactorStep: One object was freed or left.
	CompactorStep = "compactor_step"
	// SnapshotMerging: A snapshot is being made.
	SnapshotMerging = "snapshot_merging"
	// SnapshotPublishing: A snapshot is being uploaded and read back.
	SnapshotPublishing = "snapshot_publishing"
	// SnapshotVerifying: A snapshot is being read before what it stands for is freed.
	SnapshotVerifying = "snapshot_verifying"
	// SnapshotWritten: A snapshot was written and verified.
	SnapshotWritten = "snapshot_written"
	// SnapshotCorrupt: A snapshot is corrupt; the one before it is used.
	SnapshotCorrupt = "snapshot_corrupt"
	// VerifyAgain: Snapshots came or went while a bucket was verified; begun anew.
	VerifyAgain = "verify_again"
)

// Certificates and identities.
const (
	// TLSReloaded: New TLS files were taken over.
	TLSReloaded = "tls_reloaded"
	// TLSReloadRefused: New TLS files can't be used; the last good ones are.
	TLSReloadRefused = "tls_reload_refused"
	// TLSReloadRecovered: The TLS files are again those in use.
	TLSReloadRecovered = "tls_reload_recovered"
	// IdentityRefused: A connection or a call was refused for who the other end is.
	IdentityRefused = "identity_refused"
)

// The status page.
const (
	// StatusPageBlind: The status page can't read the bucket.
	StatusPageBlind = "status_page_blind"
	// StatusPageFailed: The status page can't be shown.
	StatusPageFailed = "status_page_failed"
)

// The process itself.
const (
	// ProcessStarting: A process begins, with the version, the cluster and the settings that it says.
	ProcessStarting = "process_starting"
	// StartGivenUp: A process was told to stop while it was starting, and ends.
	StartGivenUp = "start_given_up"
	// ManagerUntold: The service manager can't be told that the start is over; tried again every second.
	ManagerUntold = "manager_untold"
)
