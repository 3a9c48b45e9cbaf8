package clusterview

import (
	"context"
	"errors"
	"strings"

	"github.com/netsy-io/netsy/pkg/bucket"
	"github.com/netsy-io/netsy/pkg/leaderlock"
	"github.com/netsy-io/netsy/pkg/objectlog"
	"github.com/netsy-io/netsy/pkg/objectstore"
	"github.com/netsy-io/netsy/pkg/recovery"
	"github.com/netsy-io/netsy/pkg/registry"
	"github.com/netsy-io/netsy/pkg/snapshot"
)

// Parts are what a View is made of. Who looks once reads them all; who looks again and
// again, each when it is due. A nil one was not read, and its place in the View is empty.
type Parts struct {
	Office     *Office
	Registered *Registered
	End        *recovery.LogEnd
	Snapshots  *Snapshots
	Asked      []recovery.Asked // nil: nobody was asked
}

// Office is who rules, and by which rule.
type Office struct {
	Cluster  registry.Cluster
	Elector  *Leader
	Renewed  objectstore.Version // of the elector's lock: it changes with each renewal
	Problems []string
}

// Registered is who there is.
type Registered struct {
	Nodes     []registry.Node
	Members   registry.Members
	Compactor *Leader
	Problems  []string
}

// Snapshots is what a listing shows of them.
type Snapshots struct {
	Newest *Snapshot // nil: there is none
}

// Reader reads the parts. What it remembers only saves requests. Not for concurrent use.
type Reader struct {
	store     objectstore.Store
	clusterID string
	reg       *registry.Registry
	list      *registry.NodeList
	end       recovery.LogEnd
}

// NewReader makes a Reader of clusterID's bucket.
func NewReader(st objectstore.Store, clusterID string) *Reader {
	reg := registry.New(st, clusterID)
	return &Reader{store: st, clusterID: clusterID, reg: reg, list: reg.NewNodeList()}
}

// Office costs two requests. An error means that there is no cluster.json
// (registry.ErrNotFound), or that it can't be read.
func (r *Reader) Office(ctx context.Context) (*Office, error) {
	c, err := r.reg.Cluster(ctx)
	if err != nil {
		return nil, err
	}
	o := &Office{Cluster: c}
	h, version, err := leaderlock.ReadVersion(ctx, r.store, bucket.ElectorLockKey, r.clusterID)
	o.Elector, o.Renewed, o.Problems = leaderOf(h, err), version, problems(err, objectstore.ErrNotFound)
	return o, nil
}

// Registered costs three requests, and one for each node that changed. What can't be
// understood is among the problems; an error means that nodes/ can't be listed.
func (r *Reader) Registered(ctx context.Context) (*Registered, error) {
	nodes, damaged, err := r.list.Refresh(ctx)
	if err != nil {
		return nil, err
	}
	members, memberErr := r.reg.Members(ctx)
	h, lockErr := leaderlock.Read(ctx, r.store, bucket.CompactorLockKey, r.clusterID)
	out := &Registered{Nodes: nodes, Members: members, Compactor: leaderOf(h, lockErr)}
	out.Problems = append(problems(memberErr, registry.ErrNotFound), problems(lockErr, objectstore.ErrNotFound)...)
	out.Problems = append(out.Problems, problems(errors.Join(damaged...), nil)...)
	return out, nil
}

// attempts at the end of a log that the compactor frees slots of meanwhile.
const attempts = 3

// End finds the end of the object log: eight requests if it hasn't moved since the last
// time, and some 2 x log2(revisions) the first time.
func (r *Reader) End(ctx context.Context) (*recovery.LogEnd, error) {
	var end recovery.LogEnd
	var err error
	for range attempts {
		end, err = recovery.FindEndAgain(ctx, r.store, r.end)
		if !errors.Is(err, objectlog.ErrSuperseded) && !errors.Is(err, objectlog.ErrGap) {
			break
		}
	}
	if err != nil {
		return nil, err
	}
	r.end = end
	return &end, nil
}

// Snapshots costs one listing.
func (r *Reader) Snapshots(ctx context.Context) (*Snapshots, error) {
	all, err := snapshot.New(r.store, snapshot.Options{}).List(ctx)
	if err != nil {
		return nil, err
	}
	s := &Snapshots{}
	if n := len(all); n > 0 {
		s.Newest = &Snapshot{all[n-1].Revision, all[n-1].Size, all[n-1].Modified}
	}
	return s, nil
}

func leaderOf(h leaderlock.Holder, err error) *Leader {
	if err != nil || h.LeaderID == "" {
		return nil
	}
	return &Leader{h.LeaderID, h.Address}
}

// problems is what went wrong, line by line, unless it is what may be.
func problems(err, expected error) []string {
	if err == nil || expected != nil && errors.Is(err, expected) {
		return nil
	}
	return strings.Split(err.Error(), "\n")
}

// View puts the parts together.
func (p *Parts) View(clusterID, store string) *View {
	v := &View{ClusterID: clusterID, Store: store, Durability: Rule{Voters: []Ref{}}, Nodes: []Node{}, Problems: []string{}, Asked: p.Asked != nil}
	var c registry.Cluster
	if o := p.Office; o != nil {
		c = o.Cluster
		v.Seq, v.Office, v.Epoch, v.Primary, v.Durability = c.Seq, c.Office, c.Epoch, refOf(c.Primary), RuleOf(c.Durability)
		v.CompactionRevision, v.Origin, v.Elector = c.CompactionRevision, c.Origin, o.Elector
		v.Problems = append(v.Problems, o.Problems...)
	}
	if r := p.Registered; r != nil {
		v.Compactor = r.Compactor
		v.Problems = append(v.Problems, r.Problems...)
		v.addNodes(&c, r.Nodes, r.Members)
	}
	v.addStates(p.Asked)
	if p.End != nil {
		v.ObjectLog = LogEndOf(*p.End)
	}
	if p.Snapshots != nil {
		v.Snapshot = p.Snapshots.Newest
	}
	v.measure()
	return v
}
