//go:build linux

package faults

import (
	"fmt"
	"math/rand/v2"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"
)

// storm is a cluster to which random things happen, several at a time.
type storm struct {
	*cluster
	u       *use
	rnd     *rand.Rand
	ills    []ill
	small   map[string]bool // nodes whose disk can be filled
	counted map[string]int  // events of each kind
}

// ill is something that was done to the cluster and not yet undone.
type ill struct {
	what  string
	whose []string // members that nothing else is done to meanwhile; none: links and moods
	mend  func()
}

// most bounds what is wrong at a time: more would stop everything nearly always.
const most = 3

// TestStorm does random things to nodes, electors, links, disks and the bucket. At the
// end all is mended: the cluster works again, and there is one history.
func TestStorm(t *testing.T) {
	c := newCluster(t, func(cfg map[string]any) { // nodes that lost their disk load snapshots
		cfg["snapshot"] = map[string]any{"threshold_records": 100}
	}, append(usual, "compactor-1", "compactor-2")...)
	s := &storm{cluster: c, rnd: random(t), small: map[string]bool{}, counted: map[string]int{}}
	for _, id := range c.nodes() {
		s.small[id] = c.smallDisk(id, 512<<20)
	}
	c.startAll()
	c.awaitVoters()
	s.u = c.use(t)
	s.u.more(50)
	for end := time.Now().Add(*duration); time.Now().Before(end); {
		s.event()
		// A fault lasts for a random while, from far below to beyond the time in which
		// another Primary is elected.
		<-time.After(time.Duration(s.rnd.Int64N(int64(2 * priorTimeout))))
	}
	for len(s.ills) > 0 {
		s.mend(0)
	}
	s.survivors()
	c.awaitActive()
	s.u.more(50)
	c.awaitVoters()
	s.u.more(50)
	t.Log("what happened:", s.counted)
	s.u.conclude()
}

// event mends something or, as often, does something new.
func (s *storm) event() {
	s.t.Helper()
	s.survivors()
	if len(s.ills) > 0 && (len(s.ills) >= most || s.rnd.IntN(2) == 0) {
		s.mend(s.rnd.IntN(len(s.ills)))
		return
	}
	kinds := []func() (ill, bool){s.kill, s.kill, s.restart, s.pause, s.wipe, s.cutOff, s.cutOff, s.split, s.badBucket, s.badBucket, s.slowLinks, s.fullDisk}
	i, ok := kinds[s.rnd.IntN(len(kinds))]()
	if !ok {
		return
	}
	kind, _, _ := strings.Cut(i.what, ":")
	s.counted[kind]++
	s.t.Logf("%s (revision %d)", i.what, s.u.h.Acked())
	if i.mend != nil {
		s.ills = append(s.ills, i)
	}
}

func (s *storm) mend(i int) {
	s.t.Helper()
	s.t.Logf("mended: %s (revision %d)", s.ills[i].what, s.u.h.Acked())
	s.ills[i].mend()
	s.ills = slices.Delete(s.ills, i, i+1)
}

// unproved is what a process says that ends because it can't prove, at its start, that
// the bucket keeps its conditions. Whoever runs it starts it again.
var unproved = regexp.MustCompile(`probing s3:|the probe's scratch object`)

// survivors starts what has ended by itself. Without a reason that is an error.
func (s *storm) survivors() {
	s.t.Helper()
	for _, id := range s.names(nil) {
		if m := s.members[id]; !m.Running() && m.State().Exited() && !s.busy(id) {
			if unproved.MatchString(m.Out.Tail(5)) {
				s.counted["start without a bucket"]++
			} else {
				s.t.Errorf("%s ended by itself: %v", m.Name, m.State())
			}
			s.net.left(m.Pid())
			s.cluster.start(id)
		}
	}
}

func (s *storm) busy(id string) bool {
	return slices.ContainsFunc(s.ills, func(i ill) bool { return slices.Contains(i.whose, id) })
}

// member chooses one to which nothing is being done; half of the time the Primary.
func (s *storm) member(among []string) (string, bool) {
	among = slices.DeleteFunc(slices.Clone(among), s.busy)
	if p := s.primary(); slices.Contains(among, p) && s.rnd.IntN(2) == 0 {
		return p, true
	}
	if len(among) == 0 {
		return "", false
	}
	return among[s.rnd.IntN(len(among))], true
}

func (s *storm) kill() (ill, bool) {
	id, ok := s.member(s.names(nil))
	if !ok {
		return ill{}, false
	}
	s.cluster.kill(id)
	if s.rnd.IntN(2) == 0 {
		s.start(id)
		return ill{what: "kill and start: " + id}, true
	}
	return ill{what: "kill: " + id, whose: []string{id}, mend: func() { s.start(id) }}, true
}

// restart is a SIGTERM, and a kill if the process takes longer than usual: what it
// waits for may have been cut off.
func (s *storm) restart() (ill, bool) {
	id, ok := s.member(s.names(nil))
	if !ok {
		return ill{}, false
	}
	m := s.members[id]
	m.Signal(syscall.SIGTERM)
	return ill{what: "stop: " + id, whose: []string{id}, mend: func() {
		select {
		case <-m.Done:
			if m.State().ExitCode() > 1 { // 1: it says what it could not do
				s.t.Errorf("%s: exit status %d", m.Name, m.State().ExitCode())
			}
		case <-time.After(priorTimeout):
			m.Signal(syscall.SIGKILL)
			<-m.Done
		}
		s.net.left(m.Pid())
		s.start(id)
	}}, true
}

func (s *storm) pause() (ill, bool) {
	id, ok := s.member(s.names(nil))
	if !ok {
		return ill{}, false
	}
	s.cluster.pause(id)
	return ill{what: "pause: " + id, whose: []string{id}, mend: func() { s.goOn(id) }}, true
}

// wipe deletes a disk if the other voters have theirs: receipts are on a majority, so
// more than that is beyond what Netsy promises to survive.
func (s *storm) wipe() (ill, bool) {
	id, ok := s.member(s.nodes())
	if !ok || !s.spare(id) {
		return ill{}, false
	}
	s.cluster.wipe(id)
	return ill{what: "wipe: " + id, whose: []string{id}, mend: func() { s.start(id) }}, true
}

// spare reports whether a node's disk can be deleted without losing a majority's.
func (s *storm) spare(id string) bool {
	s.t.Helper()
	j, err := s.clusterJSON()
	s.must(err)
	gone := 0
	for _, v := range j.Durability.Voters {
		if v.NodeID == id || s.lost[v] {
			gone++
		}
	}
	_, err = s.registered(id)
	return err == nil && gone <= len(j.Durability.Voters)/2 && (gone > 0 || j.Durability.Mode != "quorum")
}

// cutOff cuts one member off from some others, in one direction or both, and perhaps
// from the bucket.
func (s *storm) cutOff() (ill, bool) {
	id, ok := s.member(s.names(nil))
	if !ok {
		return ill{}, false
	}
	from, what := s.others(id), "all"
	switch s.rnd.IntN(3) {
	case 0:
		from, what = s.electors(), "electors"
	case 1:
		from, what = s.nodes(), "nodes"
	}
	links, way := between([]string{id}, from), ""
	if n := s.rnd.IntN(4); n < 2 {
		links, way = oneWay(id, from, n == 1), [...]string{", sending", ", receiving"}[n]
	}
	i := s.cutting(fmt.Sprintf("cut off: %s from %s%s", id, what, way), links)
	if s.rnd.IntN(3) == 0 {
		undo, store := i.mend, s.members[id].store
		store.is(unreachable)
		i.what += " and the bucket"
		i.mend = func() { undo(); store.is(well) }
	}
	return i, true
}

// split parts the members in two.
func (s *storm) split() (ill, bool) {
	var a, b []string
	for _, id := range s.names(nil) {
		if s.rnd.IntN(2) == 0 {
			a = append(a, id)
		} else {
			b = append(b, id)
		}
	}
	return s.cutting(fmt.Sprintf("split: %v from %v", a, b), between(a, b)), len(a) > 0 && len(b) > 0
}

func (s *storm) cutting(what string, links []link) ill {
	s.net.split(true, links...)
	return ill{what: what, mend: func() { s.net.split(false, links...) }}
}

// badBucket has the bucket fail one member or all.
func (s *storm) badBucket() (ill, bool) {
	moods := []mood{refusing, losing, slow, unreachable, late}
	m := moods[s.rnd.IntN(len(moods))]
	ids := s.names(nil)
	if id, ok := s.member(ids); ok && s.rnd.IntN(3) > 0 {
		ids = []string{id}
	}
	for _, id := range ids {
		s.members[id].store.is(m)
	}
	return ill{what: fmt.Sprintf("bucket: %s for %v", m, ids), mend: func() {
		for _, id := range ids {
			s.members[id].store.is(well)
		}
	}}, true
}

func (s *storm) slowLinks() (ill, bool) {
	links := between(s.names(nil), s.names(nil))
	for _, l := range links {
		s.net.slow(time.Duration(s.rnd.Int64N(int64(heartbeat/2))), l)
	}
	return ill{what: "slow links: all", mend: func() { s.net.slow(0, links...) }}, true
}

// fullDisk fills a node's disk. The node may end because of it.
func (s *storm) fullDisk() (ill, bool) {
	id, ok := s.member(s.nodes())
	if !ok || !s.small[id] {
		return ill{}, false
	}
	m := s.members[id]
	ballast, err := fill(m.data)
	s.must(err)
	return ill{what: "full disk: " + id, whose: []string{id}, mend: func() {
		s.must(ballast())
		if !m.Running() {
			s.net.left(m.Pid())
			s.start(id)
		}
	}}, true
}

// start starts a member that is down.
func (s *storm) start(id string) {
	s.t.Helper()
	if p := s.members[id].Proc; p.Running() {
		s.t.Fatalf("%s runs already", p.Name)
	}
	s.cluster.start(id)
}
