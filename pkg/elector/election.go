package elector

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/netsy-io/netsy/pkg/logevent"
	"github.com/netsy-io/netsy/pkg/netsypb/peerpb"
	"github.com/netsy-io/netsy/pkg/record"
	"github.com/netsy-io/netsy/pkg/registry"
)

// elect is one attempt at an election, from a cluster.json just read. Anything that
// goes wrong ends the attempt; the next one starts from the beginning.
func (o *office) elect(ctx context.Context) error {
	begun := time.Now()
	result, err := o.attempt(ctx)
	if err != nil {
		result = failed
	}
	o.e.opt.Metrics.elections.WithLabelValues(string(result)).Inc()
	if result == elected {
		o.e.opt.Metrics.duration.Observe(time.Since(begun).Seconds())
	}
	return err
}

// outcome of an attempt, as the metrics have it.
type outcome string

const (
	elected  outcome = "elected"
	deferred outcome = "deferred" // the previous Primary reigns, or is about to
	waiting  outcome = "waiting"  // for read leases to run out
	failed   outcome = "failed"
)

func (o *office) attempt(ctx context.Context) (outcome, error) {
	defer o.openLeases() // also of what an earlier attempt left uncertain, once it is settled
	if err := o.settle(ctx); err != nil {
		return failed, err
	}
	o.closeLeases()
	step := o.askPrior(ctx)
	for left := o.leasesLeft(); step == Wait && left <= o.e.opt.RetryEvery; left = o.leasesLeft() {
		// Not worth a look at everything again: the moment leases are over it goes on,
		// and the moment the Primary is back it is asked.
		if err := o.awaitChange(ctx, left); err != nil {
			return waiting, err
		}
		step = o.askPrior(ctx)
	}
	switch step {
	case Wait:
		return waiting, nil
	case Tell:
		return deferred, o.tellPrior(ctx)
	case Defer:
		return deferred, nil
	}
	wish := o.wish()
	willing, err := o.survey(ctx, &wish)
	if err != nil {
		return failed, err
	}
	if c := o.clusterNow(); c.Epoch == 0 { // the last moment to say so before there is a history
		if err := o.e.reportLate(ctx, &c); err != nil {
			return failed, err
		}
	}
	reign, err := o.beginReign(ctx)
	if err != nil {
		return failed, err
	}
	candidates, err := o.collect(ctx, reign, willing, wish)
	if err != nil {
		return failed, err
	}
	best, _ := Choose(candidates, wish) // there is at least one: the promises were enough
	return elected, o.crown(ctx, best, wish)
}

// wish is that of the last Primary to step down on request, as far as heartbeats have told.
func (o *office) wish() Wish {
	o.mu.Lock()
	defer o.mu.Unlock()
	var said []*peerpb.NodeState
	for _, n := range o.nodes {
		said = append(said, n.word)
	}
	return WishFor(said, o.cluster.Epoch+1)
}

// settle ends an uncertainty left by an earlier write: once a later one has
// succeeded on the version that is there now, the earlier one can't land any more.
func (o *office) settle(ctx context.Context) error {
	if !o.unsettled {
		return nil
	}
	c, err := o.swap(ctx, func(*registry.Cluster) {})
	if err != nil {
		return err
	}
	o.setCluster(c)
	return nil
}

// closeLeases begins an election: from here on no heartbeat is answered with a lease.
func (o *office) closeLeases() {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.leases.closed = true
}

// openLeases ends it. While a write of ours may still land, it isn't ended.
func (o *office) openLeases() {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.leases.closed = o.unsettled
}

// askPrior is step 1: ask the previous Primary first.
func (o *office) askPrior(ctx context.Context) Step {
	o.mu.Lock()
	p := Prior{Epoch: o.cluster.Epoch, Primary: o.cluster.Primary}
	seq, c := o.cluster.Seq, o.nodes[o.cluster.Primary.NodeID]
	o.mu.Unlock()
	if c != nil {
		p.Answer = o.priorAnswer(ctx, c)
	}
	p.Told = o.told.seq == seq
	p.Patience = p.Told && time.Since(o.told.at) < o.e.opt.PrimaryPriorTimeout

	o.mu.Lock()
	defer o.mu.Unlock()
	p.LeasesOver = o.leases.over(time.Now())
	step := Judge(p)
	if step == Go {
		o.leases.clear()
	}
	return step
}

// priorAnswer asks the previous Primary; nil if it gives no answer. One that said
// in its last heartbeat that it stepped down need not be asked: it may be gone by
// now, and what it said stays true. One that isn't heard is asked all the same,
// but no longer than until leases are over: what it would be waited for.
func (o *office) priorAnswer(ctx context.Context, c *conn) *peerpb.NodeState {
	o.mu.Lock()
	word, heard := c.word, c.state != nil
	last := Prior{Epoch: o.cluster.Epoch, Primary: o.cluster.Primary, Answer: word}
	left := o.leases.left(time.Now())
	o.mu.Unlock()
	if steppedDown(last) {
		return word
	}
	if !heard {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, max(left, lateGrace))
		defer cancel()
	}
	answer, err := c.askState(ctx)
	if err != nil {
		o.e.opt.Logger.Debug("the previous Primary gives no answer", "node_id", c.id, "reason", err)
	}
	return answer
}

// leasesLeft is how long read leases may still be valid.
func (o *office) leasesLeft() time.Duration {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.leases.left(time.Now())
}

// tellPrior tells a Primary that was chosen, perhaps by an elector that then died,
// and hasn't begun.
func (o *office) tellPrior(ctx context.Context) error {
	o.mu.Lock()
	s, c := o.state, o.nodes[o.cluster.Primary.NodeID]
	seq := o.cluster.Seq
	o.mu.Unlock()
	if c == nil {
		return nil // it was asked a moment ago, and has moved since
	}
	if err := c.tell(ctx, s); err != nil {
		return transientError{err}
	}
	o.told = tidings{seq: seq, at: time.Now()}
	return nil
}

// survey is the first half of step 2: see that enough nodes answer to finish an
// election, before anything is changed. It returns those that may be chosen. Who is
// wished for is waited for, and a wish that only the answers tell of replaces w.
func (o *office) survey(ctx context.Context, w *Wish) ([]*conn, error) {
	c := o.clusterNow()
	next := c.Epoch + 1
	enough := func(answers []*peerpb.NodeState) bool { return EnoughPromises(c.Durability, refsOf(answers)) }
	answers, silent := o.askAll(ctx, o.all(), both(enough, w.met), func(ctx context.Context, n *conn) (*peerpb.NodeState, error) {
		s, err := n.askState(ctx)
		if err == nil && record.Epoch(s.PromisedEpoch) > next {
			return nil, fmt.Errorf("elector: %s has promised epoch %d, but %s is at epoch %d: the object is older than the node; restore its newest version",
				s.NodeId, s.PromisedEpoch, registry.ClusterKey, c.Epoch)
		}
		return s, err
	})
	if !enough(answers) {
		return nil, notEnough("to begin an election", c.Durability, answers, silent)
	}
	if said := WishFor(answers, next); said.Epoch > w.Epoch {
		*w = said
	}
	willing := make([]*conn, 0, len(answers))
	for _, a := range answers {
		if n := o.node(a.NodeId); n != nil {
			willing = append(willing, n)
		}
	}
	return willing, nil
}

// notEnough says which nodes an election needs.
func notEnough(what string, d registry.Durability, answers []*peerpb.NodeState, silent []error) error {
	err := fmt.Errorf("elector: not enough nodes %s: %d answer and are healthy, %d needed", what, len(answers), NeededPromises(d))
	if d.Mode == registry.ModeQuorum {
		err = fmt.Errorf("%w of the %d voters (missing: %v)", err, len(d.Voters), missingVoters(d, refsOf(answers)))
	}
	return transientError{errors.Join(append([]error{err}, silent...)...)}
}

// beginReign is the second half of step 2: the epoch goes up and the Primary away,
// in this office only; the durability rule is carried over as it stands there. The
// first step found all leases over, so the longer ones of earlier electors are
// forgotten here.
func (o *office) beginReign(ctx context.Context) (registry.Cluster, error) {
	over := o.leasesLeft() == 0
	c, err := o.swap(ctx, func(c *registry.Cluster) {
		c.Epoch++
		c.Primary = registry.NodeRef{}
		c.LeaseTimeout = leaseTimeout(c.LeaseTimeout, o.e.opt.PrimaryPriorTimeout, over)
	})
	if err != nil {
		return c, err
	}
	o.setCluster(c)
	o.e.opt.Logger.Info("new reign begun", "event", logevent.ElectionReign, "epoch", c.Epoch, "mode", c.Durability.Mode)
	return c, nil
}

// collect is step 3: promises of the new epoch, by the durability rule as the reign
// began with it. Heartbeats and earlier answers are not used.
func (o *office) collect(ctx context.Context, reign registry.Cluster, willing []*conn, w Wish) ([]Candidate, error) {
	enough := func(answers []*peerpb.NodeState) bool { return EnoughPromises(reign.Durability, refsOf(answers)) }
	answers, silent := o.askAll(ctx, willing, both(enough, w.met), func(ctx context.Context, n *conn) (*peerpb.NodeState, error) {
		return n.askPromise(ctx, reign.Epoch)
	})
	if !enough(answers) {
		return nil, notEnough(fmt.Sprintf("promise epoch %d", reign.Epoch), reign.Durability, answers, silent)
	}
	cs := make([]Candidate, len(answers))
	for i, a := range answers {
		cs[i] = Candidate{
			Node:      refOf(a),
			Tail:      record.Pos{Epoch: record.Epoch(a.GetTail().GetEpoch()), Revision: record.Revision(a.GetTail().GetRevision())},
			StartTime: a.StartTimeUnixNano,
		}
	}
	return cs, nil
}

// both is what askAll goes by when it has enough only if there is nobody to wait for, either.
func both(enough, met func([]*peerpb.NodeState) bool) func([]*peerpb.NodeState) bool {
	return func(answers []*peerpb.NodeState) bool { return enough(answers) && met(answers) }
}

// crown is step 5: the Primary, once per epoch, since it is conditional on the
// version that began the reign. It is told first, then the others. That it can't be
// told now is no failure: its connection goes on trying.
func (o *office) crown(ctx context.Context, best Candidate, w Wish) error {
	c, err := o.swap(ctx, func(c *registry.Cluster) { c.Primary = best.Node })
	if err != nil {
		return err
	}
	o.e.opt.Logger.Info("primary elected", "event", logevent.ElectionDone, "epoch", c.Epoch, "primary", best.Node, "tail", best.Tail)
	if w.Epoch > 0 {
		o.e.opt.Logger.Info("the Primary before had stepped down on request", "event", logevent.ElectionWish, "epoch", c.Epoch,
			"resigned", w.Resigned, "successor", w.Successor, "granted", w.granted(best.Node.NodeID))
	}
	o.mu.Lock()
	s, n := clusterState(o.e.opt.ClusterID, &c, &o.members, o.nodes), o.nodes[best.Node.NodeID]
	o.mu.Unlock()
	if n != nil {
		if err := n.tell(ctx, s); err != nil {
			o.e.opt.Logger.Info("primary not told yet, trying again", "event", logevent.ElectionUntold, "primary", best.Node, "reason", err)
		}
	}
	o.told = tidings{seq: c.Seq, at: time.Now()}
	o.setCluster(c)
	return nil
}

func (o *office) clusterNow() registry.Cluster {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.cluster
}

// transientError marks what another attempt can mend.
type transientError struct{ error }

func (t transientError) Unwrap() error { return t.error }
