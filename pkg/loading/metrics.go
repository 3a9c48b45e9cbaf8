package loading

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// Metrics are those of bringing the local copy to the end of the object log.
type Metrics struct {
	active    prometheus.Gauge
	records   prometheus.Counter
	snapshots prometheus.Counter
	damaged   prometheus.Counter
	seconds   prometheus.Histogram
}

// NewMetrics registers the metrics with reg; nil keeps them unregistered.
func NewMetrics(reg prometheus.Registerer) *Metrics {
	m := &Metrics{
		active: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "netsy_loading_active", Help: "1 while the local copy is brought to the end of the object log, else 0.",
		}),
		records: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "netsy_loading_records_total", Help: "Records loaded from snapshots and chunks.",
		}),
		snapshots: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "netsy_loading_snapshots_total", Help: "Snapshots that replaced the local copy.",
		}),
		damaged: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "netsy_loading_damaged_snapshots_total", Help: "Snapshots that could not be read and were passed over.",
		}),
		seconds: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "netsy_loading_duration_seconds", Help: "Time it took to bring the local copy to the end of the object log.",
			Buckets: prometheus.ExponentialBuckets(0.005, 3, 12),
		}),
	}
	if reg != nil {
		reg.MustRegister(m.active, m.records, m.snapshots, m.damaged, m.seconds)
	}
	return m
}

// began counts a CatchUp that begins; what it returns counts its end.
func (m *Metrics) began() (ended func()) {
	start := time.Now()
	m.active.Set(1)
	return func() {
		m.active.Set(0)
		m.seconds.Observe(time.Since(start).Seconds())
	}
}
