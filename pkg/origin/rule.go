package origin

import (
	"slices"

	"github.com/netsy-io/netsy/pkg/objectlog"
	"github.com/netsy-io/netsy/pkg/record"
	"github.com/netsy-io/netsy/pkg/registry"
)

// Holds is what decides how a cluster begins: what is in the bucket beside cluster.json.
type Holds struct {
	Members   bool   // members.json
	Bootstrap bool   // bootstrap.netsy
	Chunk     string // key of the first object under chunks/; empty: none
	Snapshots []record.Revision
}

// Source is where a cluster's first history comes from.
type Source int

const (
	Nothing   Source = iota // the cluster begins empty
	Snapshot                // the only snapshot there is
	Bootstrap               // bootstrap.netsy
)

func (s Source) String() string { return [...]string{"nothing", "snapshot", "bootstrap"}[s] }

// Begin is the rule of the first start, while there is no cluster.json. What only a cluster
// leaves behind means that there was one: to begin anew beside it could fork its history.
func Begin(h Holds) (Source, error) {
	switch n := len(h.Snapshots); {
	case h.Members:
		return 0, lost(registry.MembersKey)
	case h.Bootstrap && h.Chunk != "":
		return 0, refuse(ErrChunks, h.Chunk, "if there was a cluster here, restore its cluster.json from a version of the object or from a backup; "+
			"to begin with %s, put it alone into an empty prefix (storage.key_prefix)", BootstrapKey)
	case h.Bootstrap && n > 0:
		return 0, refuse(ErrSnapshots, objectlog.SnapshotKey(h.Snapshots[0]), "if there was a cluster here, restore its cluster.json from a version of the object or from a backup; "+
			"to begin with %s, put it alone into an empty prefix (storage.key_prefix); to begin with the snapshot, remove %s", BootstrapKey, BootstrapKey)
	case h.Bootstrap:
		return Bootstrap, nil
	case h.Chunk != "":
		return 0, lost(h.Chunk)
	case n > 1:
		return 0, lost(objectlog.SnapshotKey(h.Snapshots[n-1]))
	case n == 1:
		return Snapshot, nil
	default:
		return Nothing, nil
	}
}

func lost(witness string) error {
	return refuse(ErrClusterLost, witness, "%s was deleted or is not restored yet. It says which epoch is the newest and who must be heard before anybody reigns, "+
		"so it can't be made anew: put back its newest version, from the bucket's versions or a backup; "+
		"or make a new cluster of this history, in an empty prefix, with netsyctl restore", registry.ClusterKey)
}

// Resume is the rule for a cluster.json in which no elector has taken office yet: its
// creator may have died before the history was in place. Begun from bootstrap.netsy, the
// history may be at its place already.
func Resume(origin record.Revision, h Holds) (Source, error) {
	switch {
	case h.Members:
		return 0, older(registry.MembersKey)
	case h.Chunk != "":
		return 0, older(h.Chunk)
	case origin == 0 && len(h.Snapshots) > 0:
		return 0, refuse(ErrSnapshotLate, objectlog.SnapshotKey(h.Snapshots[0]), "nobody has reigned yet: stop the electors and remove %s, "+
			"and the cluster begins with the snapshot; or remove the snapshot, and it begins empty", registry.ClusterKey)
	case origin == 0:
		return Nothing, nil
	case slices.ContainsFunc(h.Snapshots, func(s record.Revision) bool { return s != origin }):
		return 0, refuse(ErrSnapshots, objectlog.SnapshotKey(another(h.Snapshots, origin)), "the cluster begins with %s: move the other one away", objectlog.SnapshotKey(origin))
	case h.Bootstrap:
		return Bootstrap, nil
	case len(h.Snapshots) == 0:
		return 0, refuse(ErrGone, objectlog.SnapshotKey(origin), "%s says that the cluster begins with revision %d: put %s back; "+
			"or, since nobody has reigned yet, stop the electors and remove %s to begin otherwise", registry.ClusterKey, origin, BootstrapKey, registry.ClusterKey)
	default:
		return Snapshot, nil
	}
}

func older(witness string) error {
	return refuse(ErrClusterOld, witness, "%s says that no elector was ever in office: put back its newest version, from the bucket's versions or a backup", registry.ClusterKey)
}

func another(snapshots []record.Revision, origin record.Revision) record.Revision {
	return snapshots[slices.IndexFunc(snapshots, func(s record.Revision) bool { return s != origin })]
}

// beginning is what cluster.json must say if the cluster begins with a history that ends at
// last and is reduced up to purged.
func beginning(key string, last record.Pos, purged record.Revision) (registry.Beginning, error) {
	if last.Epoch < 0 || last.Epoch > maxEpoch || last.Revision < 1 || last.Revision > maxRevision || purged < 0 || purged >= last.Revision {
		return registry.Beginning{}, refuse(ErrAbsurd, key, "revision %d of epoch %d, reduced up to %d: at most revision %d and epoch %d are possible; use another file",
			last.Revision, last.Epoch, purged, maxRevision, maxEpoch)
	}
	b := registry.Beginning{Origin: last.Revision, Epoch: last.Epoch}
	if purged > 0 {
		b.CompactionRevision = purged + 1 // the history below has gaps
	}
	return b, nil
}
