package elector

import (
	"sync"

	"github.com/prometheus/client_golang/prometheus"
)

// Metrics of an elector. They are registered only while it is in office.
type Metrics struct {
	reg prometheus.Registerer // nil: never registered

	mu      sync.Mutex
	entered bool

	epoch     prometheus.Gauge
	elections *prometheus.CounterVec
	duration  prometheus.Histogram
	contacts  prometheus.Counter
	leases    prometheus.Counter
	problems  prometheus.Counter
	nodes     *prometheus.GaugeVec

	deregistrations prometheus.Counter
}

// NewMetrics makes the metrics; with a nil registerer they count for nobody.
func NewMetrics(reg prometheus.Registerer) *Metrics {
	counter := func(name, help string) prometheus.Counter {
		return prometheus.NewCounter(prometheus.CounterOpts{Name: name, Help: help})
	}
	return &Metrics{
		reg:   reg,
		epoch: prometheus.NewGauge(prometheus.GaugeOpts{Name: "netsy_elector_epoch", Help: "Epoch in cluster.json as the elector in office knows it."}),
		elections: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "netsy_elector_elections_total",
			Help: "Attempts at an election, by result."}, []string{"result"}),
		duration: prometheus.NewHistogram(prometheus.HistogramOpts{Name: "netsy_elector_election_duration_seconds",
			Help: "Duration of the attempts that elected a Primary.", Buckets: prometheus.ExponentialBuckets(0.01, 2, 10)}),
		contacts: counter("netsy_elector_contacts_total", "Questions asked of nodes in elections."),
		leases:   counter("netsy_elector_leases_total", "Read leases granted."),
		problems: counter("netsy_elector_registration_problems_total", "Node registrations found damaged, each time they were."),
		nodes: prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: "netsy_elector_nodes",
			Help: "Registered nodes, by how the elector in office hears them."}, []string{"state"}),
		deregistrations: counter("netsy_elector_deregistrations_total", "Registrations deleted of nodes that left or were gone for too long."),
	}
}

func (m *Metrics) collectors() []prometheus.Collector {
	return []prometheus.Collector{m.epoch, m.elections, m.duration, m.contacts, m.leases, m.problems, m.nodes, m.deregistrations}
}

// enter registers the metrics. Another elector of the same process that has
// registered its own first keeps them.
func (m *Metrics) enter() {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.reg == nil || m.entered {
		return
	}
	m.entered = true
	for _, c := range m.collectors() {
		_ = m.reg.Register(c) // fails only if a twin is registered; then that one is shown
	}
}

func (m *Metrics) leave() {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.reg == nil || !m.entered {
		return
	}
	m.entered = false
	for _, c := range m.collectors() {
		m.reg.Unregister(c)
	}
}
