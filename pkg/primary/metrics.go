package primary

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/netsy-io/netsy/pkg/lease"
)

// Metrics are the write path's. They exist while the node is Primary.
type Metrics struct {
	commitSeconds prometheus.Histogram
	batchWrites   prometheus.Histogram
	batchBytes    prometheus.Histogram
	leases        *lease.Metrics
}

// NewMetrics registers the metrics with reg; nil keeps them unregistered.
func NewMetrics(reg prometheus.Registerer) *Metrics {
	m := &Metrics{
		leases: lease.NewMetrics(reg),
		commitSeconds: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "netsy_primary_commit_duration_seconds", Help: "Time from a batch's first write being evaluated to the batch being committed.",
			Buckets: prometheus.ExponentialBuckets(0.0005, 2, 16),
		}),
		batchWrites: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "netsy_primary_batch_records", Help: "Records in a committed batch.",
			Buckets: prometheus.ExponentialBuckets(1, 2, 13),
		}),
		batchBytes: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "netsy_primary_batch_bytes", Help: "Bytes of keys and values in a committed batch.",
			Buckets: prometheus.ExponentialBuckets(256, 4, 9),
		}),
	}
	if reg != nil {
		reg.MustRegister(m.commitSeconds, m.batchWrites, m.batchBytes)
	}
	return m
}

func (m *Metrics) observeBatch(b *batch, took time.Duration) {
	m.commitSeconds.Observe(took.Seconds())
	m.batchWrites.Observe(float64(len(b.records)))
	m.batchBytes.Observe(float64(b.bytes))
}
