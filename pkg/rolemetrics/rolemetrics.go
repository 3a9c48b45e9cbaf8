// Package rolemetrics shows the metrics of a role only while the process has it. A
// replica that exported a Primary's queue as 0 would look like a Primary with nothing to
// do; a series that isn't there can't be mistaken, and Prometheus marks it stale at once.
//
// Counters and histograms keep their values while they are hidden: nothing counts them
// meanwhile, so a series goes on from where it stopped, and rate() and increase() add up
// what happened in the role, over any number of reigns. Gauges are set anew by who begins
// in the role. A restart begins at 0, as any counter does.
package rolemetrics

import (
	"sync/atomic"

	"github.com/prometheus/client_golang/prometheus"
)

// Role is a prometheus.Registerer: what is registered with it is collected while the role
// is held. Roles nest: one made with another as its registerer shows its metrics while both
// are held. Safe for concurrent use.
type Role struct {
	reg  prometheus.Registerer // nil: nothing is exported
	held atomic.Int64          // how often it was entered and not left
}

// New makes a role that isn't held, whose metrics are exported by reg, unless that is nil.
func New(reg prometheus.Registerer) *Role { return &Role{reg: reg} }

// Enter begins to show the metrics. Gauges should be right by then.
func (r *Role) Enter() { r.held.Add(1) }

// Leave takes an Enter back. A scrape under way may still show some of the metrics.
func (r *Role) Leave() {
	if r.held.Add(-1) < 0 {
		panic("rolemetrics: a role was left that was not entered")
	}
}

// Held says whether the role is held.
func (r *Role) Held() bool { return r.held.Load() > 0 }

// Register registers c, to be collected while the role is held.
func (r *Role) Register(c prometheus.Collector) error {
	if r.reg == nil {
		return nil
	}
	return r.reg.Register(gate{c, r})
}

// MustRegister is Register for several; it panics where Register fails.
func (r *Role) MustRegister(cs ...prometheus.Collector) {
	for _, c := range cs {
		if err := r.Register(c); err != nil {
			panic(err)
		}
	}
}

// Unregister takes c back for good.
func (r *Role) Unregister(c prometheus.Collector) bool {
	return r.reg != nil && r.reg.Unregister(gate{c, r})
}

// gate is a collector that has nothing to say while the role isn't held.
type gate struct {
	prometheus.Collector
	role *Role
}

func (g gate) Collect(ch chan<- prometheus.Metric) {
	if g.role.Held() {
		g.Collector.Collect(ch)
	}
}
