package lease

import "github.com/prometheus/client_golang/prometheus"

// Metrics of the leases of a reign.
type Metrics struct {
	granted    prometheus.Counter
	leases     prometheus.Gauge
	keys       prometheus.Gauge
	unreadable prometheus.Gauge
	expired    prometheus.Counter
	failures   prometheus.Counter
}

// NewMetrics makes the metrics and registers them with r. With a nil r they work
// but are not exported.
func NewMetrics(r prometheus.Registerer) *Metrics {
	gauge := func(name, help string) prometheus.Gauge {
		return prometheus.NewGauge(prometheus.GaugeOpts{Name: "netsy_primary_" + name, Help: help})
	}
	counter := func(name, help string) prometheus.Counter {
		return prometheus.NewCounter(prometheus.CounterOpts{Name: "netsy_primary_lease_" + name, Help: help})
	}
	m := &Metrics{
		granted:    counter("granted_total", "Leases granted."),
		leases:     gauge("leases", "Leases that have keys or may still get some."),
		keys:       gauge("lease_keys", "Keys that hold a lease."),
		unreadable: gauge("lease_unreadable_keys", "Keys whose lease id is none of Netsy's; they never expire."),
		expired:    counter("expired_keys_total", "Keys that were deleted, or found to hold another lease, when theirs ran out."),
		failures:   counter("expire_failures_total", "Failed attempts to delete an expired key; each is repeated."),
	}
	if r != nil {
		r.MustRegister(m.granted, m.leases, m.keys, m.unreadable, m.expired, m.failures)
	}
	return m
}
