//go:build linux

package faults

import (
	"fmt"
	"slices"
	"strings"
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
		var lost int
		for i := range *runs {
			active := c.awaitActive()
			gap, failed := m.gap(fmt.Sprintf("%s/%d", way.name, i), active, func() { way.end(active) })
			gaps, lost = append(gaps, gap), lost+failed
			t.Logf("%s, run %d: %v, %d writes failed", way.name, i+1, gap.Round(time.Millisecond), failed)
			c.start(active)
			c.awaitVoters()
		}
		rows = append(rows, row(way.name, gaps, lost))
	}
	t.Logf("no write acknowledged for, in %d runs each\n%-24s %8s %8s %8s %8s %8s\n%s", *runs, "", "min", "median", "p90", "max", "failed", strings.Join(rows, "\n"))
}

func row(name string, gaps []time.Duration, failed int) string {
	slices.Sort(gaps)
	at := func(q float64) time.Duration { return gaps[int(q*float64(len(gaps)-1)+0.5)].Round(time.Millisecond) }
	return fmt.Sprintf("%-24s %8v %8v %8v %8v %8d", name, at(0), at(0.5), at(0.9), at(1), failed)
}

// meter has clients write through every node and finds the time without an answer.
type meter struct {
	c *cluster
	h *check.History
}

// gap ends the victim while clients write through the other nodes, and returns the
// longest time from just before that until they are served again in which no write was
// acknowledged, and how many failed.
func (m *meter) gap(name, victim string, end func()) (longest time.Duration, failed int) {
	m.c.t.Helper()
	var loads []*load.Load
	for _, id := range m.c.nodes() {
		if id == victim {
			continue
		}
		l := load.New(m.h, m.c.client(id), name+"/"+id)
		l.Limit, l.Pace = 20*time.Second, 10*time.Millisecond
		l.Work = []load.Job{load.Create, load.Create, load.Create, load.Create}
		l.Start(m.c.t)
		loads = append(loads, l)
	}
	l := loads[0]
	l.More(m.c.t, m.c.ctx, 50)
	before := len(m.h.Ops())
	end()
	m.c.deposed(victim)
	l.More(m.c.t, m.c.ctx, 100)
	for _, l := range loads {
		l.Stop()
	}
	var last time.Duration
	for _, o := range m.h.Ops()[before-10:] {
		if o.Outcome != check.Done {
			failed++
			continue
		}
		if last > 0 {
			longest = max(longest, o.Return-last)
		}
		last = o.Return
	}
	return longest, failed
}
