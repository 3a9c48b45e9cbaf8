package statuspage

import (
	"time"

	"github.com/netsy-io/netsy/pkg/clusterview"
	"github.com/netsy-io/netsy/pkg/netsypb/peerpb"
	"github.com/netsy-io/netsy/pkg/record"
	"github.com/netsy-io/netsy/pkg/recovery"
	"github.com/netsy-io/netsy/pkg/registry"
)

// sight is what is known at one moment, and how old it is. It is the viewer's own.
type sight struct {
	View *clusterview.View
	Now  time.Time

	// When each part was last read; zero: never.
	Asked, Office, Registered, End, Snapshots time.Time

	// Renewed is since when the elector's lock has been seen as it is. It is older than the lock's
	// lifetime only if nobody renews it.
	Renewed time.Time
	// Remembered: the reign is what an elector told this process, newer than cluster.json as it was read.
	Remembered bool
	// Oldest is how long the oldest record waits for object storage; 0: none does; nil: the Primary didn't say.
	Oldest *time.Duration
	// Trouble is why the bucket could not be read; nil: it could.
	Trouble error
}

// reignKnown reports whether anything says who is Primary, or that nobody is.
func (s *sight) reignKnown() bool { return !s.Office.IsZero() || s.Remembered }

// sight copies what is known. mu is held.
func (s *survey) sight(now time.Time) sight {
	k := &s.known
	v := s.assemble()
	out := sight{
		View: v, Now: now, Asked: k.asked, Office: k.office.read, Registered: k.registered.read, End: k.end.read, Snapshots: k.snapshots.read,
		Renewed: k.renewed, Remembered: s.newerOffice(), Trouble: k.trouble,
	}
	s.setUnflushed(&out)
	public(v)
	return out
}

// assemble makes a View of the parts, completed by what the process has in memory. mu is held.
func (s *survey) assemble() *clusterview.View {
	p := s.known.parts
	registered := clusterview.Registered{Nodes: s.nodes()}
	if p.Registered != nil {
		registered.Members, registered.Compactor, registered.Problems = p.Registered.Members, p.Registered.Compactor, p.Registered.Problems
	}
	for i := range registered.Nodes {
		if n := &registered.Nodes[i]; n.Incarnation == "" { // known by name alone: it is whoever answers
			n.Incarnation = incarnationOf(p.Asked, n.NodeID)
		}
	}
	p.Registered = &registered
	if s.newerOffice() {
		p.Office = remember(p.Office, s.o.Known())
	}
	return p.View(s.o.ClusterID, s.o.Store.String())
}

func incarnationOf(asked []recovery.Asked, id string) string {
	for _, a := range asked {
		if a.Answer != nil && a.Registered.NodeID == id {
			return a.Answer.Node.Incarnation
		}
	}
	return ""
}

// remember is o with the reign that an elector told of.
func remember(o *clusterview.Office, cs *peerpb.ClusterState) *clusterview.Office {
	var out clusterview.Office
	if o != nil {
		out = *o
	}
	c := &out.Cluster
	c.Seq, c.Epoch, c.CompactionRevision = cs.Seq, record.Epoch(cs.Epoch), max(c.CompactionRevision, record.Revision(cs.CompactionRevision))
	c.Primary = registry.NodeRef{NodeID: cs.GetPrimary().GetNodeId(), Incarnation: cs.GetPrimary().GetIncarnation()}
	return &out
}

// newerOffice: an elector has told the process of a later cluster.json than was read.
// mu is held.
func (s *survey) newerOffice() bool {
	var seq int64
	if o := s.known.parts.Office; o != nil {
		seq = o.Cluster.Seq
	}
	return s.o.Known().GetSeq() > seq
}

// unsettled: as it was read cluster.json names no Primary, or one that doesn't say that it is. It
// will change, or has already. mu is held.
func (s *survey) unsettled() bool {
	if s.known.parts.Office == nil || s.known.parts.Asked == nil {
		return false
	}
	p := s.primary()
	return p == nil || p.PrimaryState != peerpb.PrimaryState_PRIMARY_STATE_ACTIVE || p.ServedEpoch != s.known.parts.Office.Cluster.Epoch
}

// primary is the answer of the Primary in cluster.json; nil: there is none. mu is held.
func (s *survey) primary() *recovery.Answer {
	if s.known.parts.Office == nil {
		return nil
	}
	for _, a := range s.known.parts.Asked {
		if a.Answer != nil && a.Answer.Node == s.known.parts.Office.Cluster.Primary {
			return a.Answer
		}
	}
	return nil
}

// endIsKnown: the Primary has committed nothing beyond the end as it was read, so that is
// where it still is. mu is held.
func (s *survey) endIsKnown() bool {
	p, end := s.primary(), s.known.parts.End
	return p != nil && end != nil && p.PrimaryState == peerpb.PrimaryState_PRIMARY_STATE_ACTIVE && p.Committed == end.Last.Revision && end.Key != ""
}

// nodes are those that are registered, and those that an elector has told of and that
// nothing has been read of. The slice is the caller's own. mu is held.
func (s *survey) nodes() []registry.Node {
	var nodes []registry.Node
	have := map[string]bool{}
	if r := s.known.parts.Registered; r != nil {
		for _, n := range r.Nodes {
			nodes, have[n.NodeID] = append(nodes, n), true
		}
	}
	for _, m := range s.o.Known().GetMembers() {
		if !have[m.NodeId] && len(m.PeerUrls) > 0 {
			nodes = append(nodes, registry.Node{ClusterID: s.o.ClusterID, NodeID: m.NodeId, ClientURLs: m.ClientUrls, PeerURLs: m.PeerUrls})
		}
	}
	return nodes
}

// strangers: an elector told of other nodes than were read. mu is held.
func (s *survey) strangers() bool {
	told, r := s.o.Known().GetMembers(), s.known.parts.Registered
	if len(told) == 0 || r == nil {
		return false
	}
	have := map[string]bool{}
	for _, n := range r.Nodes {
		have[n.NodeID] = true
	}
	for _, m := range told {
		if !have[m.NodeId] {
			return true
		}
	}
	return len(told) != len(have)
}

// setUnflushed says how much waits for object storage: what the Primary says, else what it had
// committed beyond the end of the log when that was read.
func (s *survey) setUnflushed(out *sight) {
	v, k := out.View, &s.known
	if old := v.OldestUnflushedSeconds; old != nil {
		d := time.Duration(*old * float64(time.Second))
		out.Oldest = &d
		return
	}
	v.Unflushed = nil
	p := s.primary()
	if p == nil {
		return
	}
	var n int64
	switch end := k.parts.End; {
	case v.Durability.Mode == registry.ModeObjectStorage: // what is committed is in the log
	case end == nil:
		return
	case p.Committed <= end.Last.Revision:
	case k.committedAtEnd < 0:
		return
	default:
		n = max(int64(k.committedAtEnd-end.Last.Revision), 0)
	}
	v.Unflushed = &n
}
