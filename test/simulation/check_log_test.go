package simulation

import (
	"github.com/netsy-io/netsy/pkg/objectlog"
	"github.com/netsy-io/netsy/pkg/record"
	"github.com/netsy-io/netsy/pkg/registry"
)

// chain: the object log has every revision once, in reigns that begin with their seal,
// and each record follows the one before it of its key as etcd's would.
func (v *verdict) chain(chunks []objectlog.Chunk) {
	leader := map[record.Epoch]string{}
	uploader := map[record.Epoch]string{}
	keys := map[string]*record.Record{}
	next, last, lastHeader := record.Revision(1), record.Epoch(0), record.Epoch(0)
	for ci := range chunks {
		c := &chunks[ci]
		if by, ok := uploader[c.Header.Epoch]; ok && by != c.Header.LeaderID {
			v.add("two nodes wrote chunks in epoch %d: %s and %s", c.Header.Epoch, by, c.Header.LeaderID)
		}
		if c.Header.Epoch < lastHeader {
			v.add("a chunk of epoch %d follows one of epoch %d: an older Primary extended the log", c.Header.Epoch, lastHeader)
		}
		uploader[c.Header.Epoch], lastHeader = c.Header.LeaderID, c.Header.Epoch
		for ri := range c.Records {
			r := &c.Records[ri]
			if r.Revision != next || r.Sub != 0 {
				v.add("the object log has revision %d.%d where %d.0 belongs", r.Revision, r.Sub, next)
			}
			next = r.Revision + 1
			_, begun := leader[r.Epoch]
			switch {
			case r.Epoch < last || r.Epoch > c.Header.Epoch:
				v.add("revision %d is of epoch %d, after one of epoch %d and in a chunk of epoch %d", r.Revision, r.Epoch, last, c.Header.Epoch)
			case r.Internal() && begun:
				v.add("epoch %d begins again at revision %d", r.Epoch, r.Revision)
			case !r.Internal() && !begun:
				v.add("epoch %d does not begin with its seal, but with revision %d, %s", r.Epoch, r.Revision, r.Key)
			case begun && leader[r.Epoch] != r.LeaderID:
				v.add("revision %d of epoch %d was assigned by %s, earlier ones by %s", r.Revision, r.Epoch, r.LeaderID, leader[r.Epoch])
			}
			leader[r.Epoch], last = r.LeaderID, r.Epoch
			if !r.Internal() {
				v.follows(keys[string(r.Key)], r)
				keys[string(r.Key)] = r
			}
		}
	}
}

// follows: r is what etcd would make of the key's record before it.
func (v *verdict) follows(prev, r *record.Record) {
	absent := prev == nil || prev.Deleted
	switch {
	case absent && r.Deleted:
		v.add("revision %d deletes %s, which does not exist", r.Revision, r.Key)
	case r.Deleted:
	case absent && (r.CreateRevision != r.Revision || r.Version != 1):
		v.add("revision %d is the first version of its key %s, yet it has create revision %d and version %d", r.Revision, r.Key, r.CreateRevision, r.Version)
	case !absent && (r.CreateRevision != prev.CreateRevision || r.Version != prev.Version+1):
		v.add("revision %d of %s should follow revision %d, yet it has create revision %d and version %d", r.Revision, r.Key, prev.Revision, r.CreateRevision, r.Version)
	}
}

// reigns: cluster.json only moves forward, and names one Primary an epoch.
func (v *verdict) reigns(cs []registry.Cluster) {
	named := map[record.Epoch]registry.NodeRef{}
	for i, c := range cs {
		if i > 0 {
			p := &cs[i-1]
			if c.Seq != p.Seq+1 || c.Office < p.Office || c.Epoch < p.Epoch || c.CompactionRevision < p.CompactionRevision || c.WriteID == p.WriteID {
				v.add("cluster.json went from seq %d, office %d, epoch %d, compaction %d to seq %d, office %d, epoch %d, compaction %d",
					p.Seq, p.Office, p.Epoch, p.CompactionRevision, c.Seq, c.Office, c.Epoch, c.CompactionRevision)
			}
		}
		if c.Primary.IsZero() {
			continue
		}
		if was, ok := named[c.Epoch]; ok && was != c.Primary {
			v.add("epoch %d had the Primaries %v and %v", c.Epoch, was, c.Primary)
		}
		named[c.Epoch] = c.Primary
	}
}
