//go:build linux

package faults

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/netsy-io/netsy/test/internal/check"
	"github.com/netsy-io/netsy/test/internal/load"
)

// TestFailover measures how long no write is acknowledged when the Primary goes, with
// the timings that clusters have by default. It asserts nothing about the times. -runs
// says how often; it is skipped by default.
func TestFailover(t *testing.T) {
	if *runs == 0 {
		t.Skip("nothing is measured without -runs")
	}
	c := newCluster(t, func(cfg map[string]any) {
		delete(cfg, "heartbeat_interval")
		delete(cfg, "elector")
	}, usual...)
	c.startAll()
	c.awaitVoters()
	h := check.NewHistory()
	m := &meter{c: c, h: h}
	var rows []string
	for _, way := range []struct {
		name string
		end  func(id string)
	}{
		{"kill -9 of the Primary", c.kill},
		{"SIGTERM of the Primary", c.stop},
	} {
		var gaps []time.Duration
		for i := range *runs {
			active := c.awaitActive()
			gap := m.gap(fmt.Sprintf("%s/%d", way.name, i), active, func() { way.end(active) })
			gaps = append(gaps, gap)
			t.Logf("%s, run %d: %v", way.name, i+1, gap.Round(time.Millisecond))
			c.start(active)
			c.awaitVoters()
		}
		rows = append(rows, row(way.name, gaps))
	}
	t.Logf("no write acknowledged for, in %d runs each\n%-24s %8s %8s %8s %8s\n%s", *runs, "", "min", "median", "p90", "max", strings.Join(rows, "\n"))
}

func row(name string, gaps []time.Duration) string {
	slices.Sort(gaps)
	at := func(q float64) time.Duration { return gaps[int(q*float64(len(gaps)-1)+0.5)].Round(time.Millisecond) }
	return fmt.Sprintf("%-24s %8v %8v %8v %8v", name, at(0), at(0.5), at(0.9), at(1))
}

// meter finds the time without acknowledged writes.
type meter struct {
	c *cluster
	h *check.History
}

// gap has clients write through every node but the one that is to go, ends that, and
// returns the time from then until the first write was acknowledged that began after.
func (m *meter) gap(name, victim string, end func()) time.Duration {
	m.c.t.Helper()
	ctx, cancel := context.WithCancel(m.c.ctx)
	var wg sync.WaitGroup
	defer wg.Wait()
	defer cancel()
	var mu sync.Mutex
	var ended time.Time
	acked := make(chan time.Duration, 1)
	for _, id := range m.c.nodes() {
		if id == victim {
			continue
		}
		for i := range 4 { // some wait while others are answered that they can't
			r := load.Recorded{Client: m.c.client(id), H: m.h, Name: fmt.Sprintf("%s/%s/%d", name, id, i)}
			wg.Go(func() {
				for n := 0; ctx.Err() == nil; n++ {
					began := time.Now()
					call, stop := context.WithTimeout(ctx, 20*time.Second)
					o := r.Write(call, check.Op{Key: fmt.Sprintf("%s/%d", r.Name, n), Value: "x"})
					stop()
					mu.Lock()
					if o.Outcome == check.Done && !ended.IsZero() && began.After(ended) {
						select {
						case acked <- time.Since(ended):
						default:
						}
					}
					mu.Unlock()
					select {
					case <-ctx.Done():
					case <-time.After(10 * time.Millisecond):
					}
				}
			})
		}
	}
	load.More(m.c.t, m.c.ctx, m.h, 50)
	mu.Lock()
	ended = time.Now()
	mu.Unlock()
	end()
	select {
	case gap := <-acked:
		return gap
	case <-time.After(time.Minute):
		m.c.t.Fatalf("%s: no write was acknowledged within a minute", name)
		return 0
	}
}
