package node

import (
	"sync"
	"time"

	"github.com/netsy-io/netsy/pkg/etcdapi"
	pb "github.com/netsy-io/netsy/pkg/netsypb/peerpb"
	"github.com/netsy-io/netsy/pkg/primary"
)

// state is what the node knows of itself and of the cluster. Everybody reads it;
// changed is closed and replaced whenever something in it changes.
type state struct {
	mu      sync.Mutex
	changed chan struct{}

	health  pb.Health
	reason  string   // why it is not healthy
	trouble *trouble // why it is degraded and what will mend it; nil if it isn't, or for good
	role    pb.PrimaryState
	reign   *primary.Reign // not nil only while role is active or draining
	remote  *remote        // not nil only while this node follows another's reign
	cluster *pb.ClusterState

	resigned *pb.Resignation // the last one that stands; nil: none
	handing  bool            // it drains because it was asked to step down; the node stays

	stopping chan struct{} // closed when the node begins to stop
	orphaned chan struct{} // closed when no Primary will be reached through this node any more

	leaderless time.Time     // since when there has been no leader; zero if there is one
	lost       chan struct{} // closed when leaderless for longer than the grace
	lostTimer  *time.Timer
}

func newState() *state {
	s := &state{
		changed: make(chan struct{}),
		health:  pb.Health_HEALTH_LOADING, reason: "starting",
		role:    pb.PrimaryState_PRIMARY_STATE_REPLICA,
		cluster: &pb.ClusterState{}, stopping: make(chan struct{}), orphaned: make(chan struct{}),
	}
	s.loseLeader()
	return s
}

// update changes the state under its lock and wakes whoever waits for a change.
func (s *state) update(f func(*state)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	f(s)
	close(s.changed)
	s.changed = make(chan struct{})
}

// Changed returns a channel that is closed at the next change.
func (s *state) Changed() <-chan struct{} {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.changed
}

func (s *state) setRole(role pb.PrimaryState, reign *primary.Reign) {
	s.update(func(s *state) {
		s.role, s.reign, s.handing = role, reign, false
		if reign != nil {
			s.gainLeader()
		} else if s.leaderless.IsZero() {
			s.loseLeader()
		}
	})
}

// setRemote says that this node follows the Primary behind r, or, with nil, none.
func (s *state) setRemote(r *remote) {
	s.update(func(s *state) {
		s.remote = r
		if r != nil {
			s.gainLeader()
		} else if s.leaderless.IsZero() {
			s.loseLeader()
		}
	})
}

// setHealth has no effect once the node is stopping.
func (s *state) setHealth(h pb.Health, reason string) {
	s.update(func(s *state) {
		if !s.isStopping() {
			s.health, s.reason, s.trouble = h, reason, nil
		}
	})
}

// degrade makes the node unfit to be chosen until what is wrong is mended. It has no
// effect once the node is stopping. A disk that can't store outweighs object storage.
func (s *state) degrade(t trouble) {
	s.update(func(s *state) {
		if s.isStopping() || s.trouble != nil && s.trouble.with == disk && t.with != disk {
			return
		}
		s.health, s.reason, s.trouble = pb.Health_HEALTH_DEGRADED, t.reason, &t
	})
}

// mended makes the node healthy, if t is still all that is wrong with it.
func (s *state) mended(t *trouble) (ok bool) {
	s.update(func(s *state) {
		if ok = s.trouble == t && !s.isStopping(); ok {
			s.health, s.reason, s.trouble = pb.Health_HEALTH_HEALTHY, "", nil
		}
	})
	return ok
}

// troubled returns what is wrong with the node and may be mended; nil if nothing is.
func (s *state) troubled() *trouble {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.trouble
}

// serves says whether requests can be answered here: a node that can't reach object
// storage still follows.
func (s *state) serves() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.health == pb.Health_HEALTH_HEALTHY || s.trouble != nil && s.trouble.with == storage
}

// stop makes the node unfit to be chosen, for good: it is about to end. It is
// called once.
func (s *state) stop() {
	s.update(func(s *state) {
		s.health, s.reason, s.trouble = pb.Health_HEALTH_DEGRADED, "the node is stopping", nil
		close(s.stopping)
	})
}

// orphan tells those who wait for a Primary that none will be reached.
func (s *state) orphan() {
	s.mu.Lock()
	defer s.mu.Unlock()
	select {
	case <-s.orphaned:
	default:
		close(s.orphaned)
	}
}

func (s *state) isStopping() bool {
	select {
	case <-s.stopping:
		return true
	default:
		return false
	}
}

// gainLeader and loseLeader are called with the lock held (or before the state is shared).
func (s *state) gainLeader() {
	s.leaderless = time.Time{}
	s.lostTimer.Stop()
	select {
	case <-s.lost:
		s.lost = make(chan struct{})
	default:
	}
}

func (s *state) loseLeader() {
	lost := make(chan struct{})
	if s.lost != nil {
		select {
		case <-s.lost:
		default:
			lost = s.lost // streams that hold it must hear of it
		}
	}
	s.leaderless, s.lost = time.Now(), lost
	since := s.leaderless
	s.lostTimer = time.AfterFunc(leaderlessGrace, func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		if s.leaderless.Equal(since) {
			close(lost)
		}
	})
}

// HasLeader reports whether there is a Primary.
func (s *state) HasLeader() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.leaderless.IsZero()
}

// Lost returns a channel that is closed once there has been no Primary for longer
// than the grace.
func (s *state) Lost() <-chan struct{} {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.lost
}

// close stops the timer, so that nothing of the state outlives the node.
func (s *state) close() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.lostTimer.Stop()
}

// current returns the active reign, or nil and a channel that is closed at the next change.
func (s *state) current() (*primary.Reign, <-chan struct{}) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.reign != nil && s.reign.Err() == nil {
		return s.reign, nil
	}
	return nil, s.changed
}

// leader returns the Primary that requests go to: the reign of this node, or the
// Primary that it follows; or nil and a channel that is closed at the next change.
func (s *state) leader() (etcdapi.Primary, <-chan struct{}) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.reign != nil && s.reign.Err() == nil:
		return s.reign, nil
	case s.remote != nil && !s.remote.over():
		return s.remote, nil
	}
	return nil, s.changed
}

// view returns a copy of the plain values.
func (s *state) view() (health pb.Health, reason string, role pb.PrimaryState, cluster *pb.ClusterState) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.health, s.reason, s.role, s.cluster
}
