//go:build linux

package iam

// reason says why a role may do what it may to the objects under a key: which of the
// program's calls needs it, and when.
type reason struct{ calls, when string }

// prober is of everybody's who writes.
var prober = reason{"objectstore.Probe", "at each start: proves that conditional writes are refused, and removes what it wrote"}

// reasons are one for each role and key of the policies; docs/iam.md shows them.
var reasons = map[string]map[string]reason{
	"node": {
		"cluster.json":          {"registry.Cluster, registry.UpdateAsPrimary", "reads it at start, in a linearizable read without a lease, and before a change; the Primary writes durability mode and compaction"},
		"members.json":          {"clusterview.Registered", "the status page shows it"},
		"nodes/*":               {"registry.RegisterNode", "at each start: its own document; the status page shows all"},
		"leader/elector.json":   {"leaderlock.Read", "MemberList: where the elector is"},
		"leader/compactor.json": {"clusterview.Registered", "the status page shows it"},
		"chunks/*":              {"objectlog.Read, objectlog.Append", "reads them at start, when it falls behind and on taking over; the Primary writes them, each once"},
		"snapshots/*":           {"snapshot.Open", "at start and when it has fallen behind the log"},
		"probe/*":               prober,
	},
	"elector": {
		"cluster.json":          {"registry.Cluster, registry.SwapCluster, registry.CreateCluster", "on taking office, in each election"},
		"members.json":          {"registry.Members, registry.AssignMembers", "at start, and when a node is new"},
		"nodes/*":               {"registry.Refresh, registry.DeleteNode", "finds the nodes; deletes one that was gone for elector.deregistration_timeout"},
		"leader/elector.json":   {"leaderlock.Run", "takes and renews its lock, every few seconds"},
		"leader/compactor.json": {"clusterview.Registered", "the status page shows it"},
		"chunks/*":              {"clusterview.End", "the status page shows where the log ends"},
		"snapshots/*":           {"origin.Settle", "a cluster's first start: checks what it begins with; writes what bootstrap.netsy is promoted to"},
		"bootstrap.netsy":       {"origin.Settle", "a cluster's first start, and to warn of one that came too late"},
		"probe/*":               prober,
	},
	"compactor": {
		"cluster.json":          {"registry.Cluster", "in each pass: the compaction revision"},
		"leader/elector.json":   {"compactor.Plan", "--dry-run: the time by the store's clock"},
		"leader/compactor.json": {"leaderlock.Run", "takes and renews its lock while it works"},
		"chunks/*":              {"objectlog.Read, compactor.Once", "merges them; overwrites one in which a reign begins with a tombstone, deletes the rest"},
		"snapshots/*":           {"snapshot.Merge, snapshot.Publish, compactor.Once", "writes the new one, reads it back, deletes those beyond snapshot.keep"},
		"probe/*":               prober,
	},
	"operator-readonly": {
		"*": {"clusterview.Look, verify.Run, restore.Make", "netsyctl status, nodes, members, cluster show, log, datafile, snapshot list and verify, verify, export, restore of another bucket"},
	},
	"operator-admin": {
		"*":            {"clusterview.Look, verify.Run, restore.Make", "all that the one who only reads does"},
		"cluster.json": {"recovery.Recover", "netsyctl cluster recover"},
		"nodes/*":      {"registry.DeleteNode", "netsyctl cluster forget"},
		"snapshots/*":  {"snapshot.Publish", "netsyctl snapshot create, import and restore"},
		"probe/*":      {"objectstore.Probe", "netsyctl import and restore: proves that conditional writes are refused, and removes what it wrote"},
	},
}
