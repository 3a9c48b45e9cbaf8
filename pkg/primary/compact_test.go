package primary

import (
	"errors"
	"fmt"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"
	pb "go.etcd.io/etcd/api/v3/etcdserverpb"

	"github.com/netsy-io/netsy/pkg/mvcc"
	"github.com/netsy-io/netsy/pkg/record"
	"github.com/netsy-io/netsy/pkg/registry"
	"github.com/netsy-io/netsy/pkg/watch"
)

// compacting is a Primary that compacts by itself every minute what is older than a
// minute, and its followers. It writes ten revisions every minute.
type compacting struct {
	t     *testing.T
	m     *machine
	began time.Time
	revs  []record.Revision // the last at the end of each minute, from 0
}

func startCompacting(t *testing.T) *compacting {
	m := newWorld(t).machine("a")
	m.hub.Close(nil)
	m.hub = watch.NewHub(m.st, m.st.Snapshot().Revision(), watch.Options{QueueEvents: 2}) // slow watches fall back at once
	m.quorum = 0
	m.tune = func(c *Config) { c.CompactionInterval, c.CompactionWindow = time.Minute, time.Minute }
	m.mustStart()
	synctest.Wait() // the reign has looked what is current
	return &compacting{t: t, m: m, began: time.Now(), revs: []record.Revision{m.st.Snapshot().Revision()}}
}

// minute passes one, some seconds past the interval so that all who are asked can
// answer, and what is compacted then must be want.
func (c *compacting) minute(want record.Revision) {
	c.t.Helper()
	for range 10 {
		c.m.mustCreate(fmt.Sprint(c.m.st.Snapshot().Revision()), "v")
	}
	c.revs = append(c.revs, c.m.st.Snapshot().Revision())
	time.Sleep(time.Until(c.began.Add(time.Duration(len(c.revs)-1)*time.Minute + 5*time.Second)))
	synctest.Wait()
	if got := c.m.st.CompactRevision(); got != want {
		c.t.Fatalf("after %d minutes: compacted at %d, want %d; revisions by minute: %v", len(c.revs)-1, got, want, c.revs)
	}
}

func (c *compacting) metric(m prometheus.Metric) *dto.Metric {
	var d dto.Metric
	if err := m.Write(&d); err != nil {
		c.t.Fatal(err)
	}
	return &d
}

func (c *compacting) blocked() bool {
	return c.metric(c.m.reign.cfg.Metrics.compactionBlocked).GetGauge().GetValue() > 0
}

func (c *compacting) forced() float64 {
	return c.metric(c.m.reign.cfg.Metrics.compactionForced).GetCounter().GetValue()
}

// TestCompactsByItself: what was current a window ago is the compaction revision. A new
// reign knows the age of nothing.
func TestCompactsByItself(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := startCompacting(t)
		defer c.m.halt()
		c.minute(c.revs[0])
		c.minute(c.revs[1])
		c.minute(c.revs[2])
		if c.blocked() || c.forced() > 0 {
			t.Error("nobody holds it back")
		}
		c.m.reign.Stop(ErrStopped)
		was := c.m.st.CompactRevision()
		c.m.mustStart()
		started := c.m.st.Snapshot().Revision()
		time.Sleep(59 * time.Second)
		synctest.Wait()
		if got := c.m.st.CompactRevision(); got != was {
			t.Errorf("a reign of less than a window has compacted at %d", got)
		}
		time.Sleep(2 * time.Second)
		synctest.Wait()
		if got := c.m.st.CompactRevision(); got != started {
			t.Errorf("compacted at %d, want %d", got, started)
		}
	})
}

// TestFollowersHoldCompactionBack: one that needs less, or says nothing, holds it back
// for one further window. One that leaves doesn't.
func TestFollowersHoldCompactionBack(t *testing.T) {
	for name, hold := range map[string]func(*puppet){
		"it refuses":           func(p *puppet) { p.needs = 2 },
		"it said so before":    func(p *puppet) { p.needs, p.reports = 2, 2 },
		"it says nothing":      func(p *puppet) { p.deaf = true },
		"it leaves meanwhile":  func(p *puppet) { p.needs = 2 },
		"it needs enough less": func(p *puppet) { p.needs = 5 },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c := startCompacting(t)
				defer c.m.halt()
				b := c.m.follow(registry.NodeRef{NodeID: "b", Incarnation: "b1"})
				defer b.gone()
				p := c.m.follow(registry.NodeRef{NodeID: "c", Incarnation: "c1"})
				defer p.gone()
				p.mu.Lock()
				hold(p)
				held := p.needs
				if p.deaf {
					held = 0 // it might need anything
				}
				p.mu.Unlock()
				if first := c.revs[0]; first > held { // nothing to hold back yet
					c.minute(held)
				} else {
					c.minute(first)
				}
				c.minute(held)
				if !c.blocked() || c.forced() > 0 {
					t.Errorf("blocked %v, forced %v", c.blocked(), c.forced())
				}
				if name == "it leaves meanwhile" {
					p.gone()
					c.minute(c.revs[2])
					if c.blocked() || c.forced() > 0 {
						t.Errorf("blocked %v, forced %v", c.blocked(), c.forced())
					}
					return
				}
				c.minute(c.revs[1])
				if c.forced() != 1 {
					t.Errorf("forced %v", c.forced())
				}
				p.mu.Lock()
				p.reports = 0
				deaf := p.deaf
				p.mu.Unlock()
				if deaf { // and goes on
					c.minute(c.revs[2])
				} else {
					c.minute(c.revs[3])
				}
				if c.blocked() != deaf {
					t.Errorf("blocked %v", c.blocked())
				}
			})
		})
	}
}

// TestOwnWatchHoldsCompactionBack: and is cancelled, in the end.
func TestOwnWatchHoldsCompactionBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := startCompacting(t)
		defer c.m.halt()
		b := c.m.follow(registry.NodeRef{NodeID: "b", Incarnation: "b1"})
		defer b.gone()
		s := c.m.hub.NewStream()
		defer s.Close()
		if err := s.Create(t.Context(), &pb.WatchCreateRequest{Key: []byte{0}, RangeEnd: []byte{0}, PrevKv: true}); err != nil {
			t.Fatal(err)
		}
		c.minute(c.revs[0])
		held := c.revs[0] + 2 // two events wait for the client, and the next one's previous value is here
		c.minute(held)
		if !c.blocked() {
			t.Error("the watch doesn't show")
		}
		b.mu.Lock()
		if slices.ContainsFunc(b.asked, func(rev record.Revision) bool { return rev > held }) {
			t.Errorf("b was asked for %v, this node needs %d", b.asked, held)
		}
		b.mu.Unlock()
		c.minute(c.revs[1])
		for {
			resp, err := s.Recv(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			if resp.Canceled {
				if resp.CompactRevision != int64(c.revs[1]) {
					t.Errorf("cancelled at %d, want %d", resp.CompactRevision, c.revs[1])
				}
				break
			}
		}
		c.minute(c.revs[3])
		if c.blocked() || c.forced() != 1 {
			t.Errorf("blocked %v, forced %v", c.blocked(), c.forced())
		}
	})
}

// TestCompactAtOnce: what a client asks for waits for no watch, and for nobody who
// doesn't answer for longer than a heartbeat interval.
func TestCompactAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := startCompacting(t)
		defer c.m.halt()
		m := c.m
		for i := range 10 {
			m.mustCreate(fmt.Sprint(i), "v")
		}
		last := m.st.Snapshot().Revision()
		p := m.follow(registry.NodeRef{NodeID: "b", Incarnation: "b1"})
		defer p.gone()
		synctest.Wait()
		set := func(f func()) { p.mu.Lock(); defer p.mu.Unlock(); f() }
		for _, x := range []struct {
			name  string
			rev   record.Revision
			needs record.Revision
			deaf  bool
			err   error
			took  time.Duration
			asked bool
		}{
			{name: "agreed", rev: 3, asked: true},
			{name: "again", rev: 3, err: mvcc.ErrCompacted},
			{name: "needed", rev: 5, needs: 2, asked: true},
			{name: "future", rev: last + 1, err: mvcc.ErrFutureRev},
			{name: "deaf", rev: 6, deaf: true, took: time.Second},
			{name: "the present", rev: last, asked: true},
		} {
			set(func() { p.needs, p.deaf, p.asked = x.needs, x.deaf, nil })
			began := time.Now()
			if err := m.reign.Compact(t.Context(), x.rev); !errors.Is(err, x.err) {
				t.Errorf("%s: %v", x.name, err)
			}
			if took := time.Since(began); took != x.took {
				t.Errorf("%s: took %v", x.name, took)
			}
			if x.err == nil && (m.st.CompactRevision() != x.rev || m.w.compaction != x.rev) {
				t.Errorf("%s: compacted at %d, recorded %d", x.name, m.st.CompactRevision(), m.w.compaction)
			}
			set(func() {
				if len(p.asked) > 0 != x.asked {
					t.Errorf("%s: asked for %v", x.name, p.asked)
				}
			})
		}
		m.reign.Stop(ErrStopped)
		if err := m.reign.Compact(t.Context(), last); !errors.Is(err, ErrNotPrimary) {
			t.Error(err)
		}
	})
}
