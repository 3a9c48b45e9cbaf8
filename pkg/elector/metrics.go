package elector

import (
	"github.com/prometheus/client_golang/prometheus"

	"github.com/netsy-io/netsy/pkg/record"
	"github.com/netsy-io/netsy/pkg/rolemetrics"
)

// Metrics of an elector. Those of netsy_elector_ are shown only while it is in office.
type Metrics struct {
	inOffice *rolemetrics.Role
	held     prometheus.Gauge // the office, by this process
	refused  prometheus.Gauge

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
	gauge := func(name, help string) prometheus.Gauge {
		return prometheus.NewGauge(prometheus.GaugeOpts{Name: name, Help: help})
	}
	m := &Metrics{
		inOffice: rolemetrics.New(reg),
		held:     gauge("netsy_office_held", "1 while this process's elector is the one in office, else 0."),
		refused:  gauge("netsy_office_origin_refused", "1 while this process's elector can't begin the cluster because of what is in the bucket, else 0; /readyz says why."),
		epoch:    gauge("netsy_elector_epoch", "Epoch in cluster.json as the elector in office knows it."),
		elections: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "netsy_elector_elections_total",
			Help: "Attempts at an election, by result: elected, deferred to the Primary before, waiting for its read leases to run out, failed."}, []string{"result"}),
		duration: prometheus.NewHistogram(prometheus.HistogramOpts{Name: "netsy_elector_election_duration_seconds",
			Help: "Duration of the attempts that elected a Primary.", Buckets: prometheus.ExponentialBuckets(0.01, 2, 10)}),
		contacts: counter("netsy_elector_contacts_total", "Questions asked of nodes in elections."),
		leases:   counter("netsy_elector_leases_total", "Read leases granted."),
		problems: counter("netsy_elector_registration_problems_total", "Node registrations found damaged, each time they were."),
		nodes: prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: "netsy_elector_nodes",
			Help: "Registered nodes, by how the elector in office hears them: healthy, degraded, loading, unreachable."}, []string{"state"}),
		deregistrations: counter("netsy_elector_deregistrations_total", "Registrations deleted of nodes that left or were gone for too long."),
	}
	for _, o := range []outcome{elected, deferred, waiting, failed} {
		m.elections.WithLabelValues(string(o))
	}
	for _, c := range conditions {
		m.nodes.WithLabelValues(c)
	}
	m.inOffice.MustRegister(m.epoch, m.elections, m.duration, m.contacts, m.leases, m.problems, m.nodes, m.deregistrations)
	if reg != nil {
		reg.MustRegister(m.held, m.refused)
	}
	return m
}

func (m *Metrics) enter(epoch record.Epoch) {
	m.epoch.Set(float64(epoch))
	m.held.Set(1)
	m.inOffice.Enter()
}

func (m *Metrics) leave() {
	m.inOffice.Leave()
	m.held.Set(0)
	for _, c := range conditions {
		m.nodes.WithLabelValues(c).Set(0)
	}
}
