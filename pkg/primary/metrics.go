package primary

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/netsy-io/netsy/pkg/lease"
)

// Metrics are the write path's. They exist while the node is Primary.
type Metrics struct {
	commitSeconds *prometheus.HistogramVec
	batchWrites   prometheus.Histogram
	batchBytes    prometheus.Histogram
	switches      *prometheus.CounterVec
	quorum        prometheus.Gauge
	unlogged      prometheus.Gauge
	leases        *lease.Metrics

	compactionBlocked prometheus.Gauge
	compactionForced  prometheus.Counter
}

// NewMetrics registers the metrics with reg; nil keeps them unregistered.
func NewMetrics(reg prometheus.Registerer) *Metrics {
	m := &Metrics{
		leases: lease.NewMetrics(reg),
		commitSeconds: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "netsy_primary_commit_duration_seconds", Help: "Time from a batch's first write being evaluated to the batch being committed, by path: quorum, object-storage.",
			Buckets: prometheus.ExponentialBuckets(0.0005, 2, 16),
		}, []string{"path"}),
		switches: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "netsy_primary_path_switches_total", Help: "Changes of the commit path, by the path changed to: quorum, object-storage.",
		}, []string{"path"}),
		quorum: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "netsy_primary_quorum_mode", Help: "1 while receipts may acknowledge writes, else 0.",
		}),
		unlogged: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "netsy_primary_unlogged_bytes", Help: "Bytes of keys and values that are not in the object log yet.",
		}),
		compactionBlocked: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "netsy_primary_compaction_blocked_since_seconds", Help: "Since when watches hold back the compaction of history, in seconds since 1970; 0: they don't.",
		}),
		compactionForced: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "netsy_primary_compaction_forced_total", Help: "Compactions that cancelled watches which had held them back for too long.",
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
	for _, path := range []string{"quorum", "object-storage"} {
		m.commitSeconds.WithLabelValues(path)
		m.switches.WithLabelValues(path)
	}
	if reg != nil {
		reg.MustRegister(m.commitSeconds, m.batchWrites, m.batchBytes, m.switches, m.quorum, m.unlogged, m.compactionBlocked, m.compactionForced)
	}
	return m
}

func (m *Metrics) observeBatch(b *batch, took time.Duration, logged bool) {
	path := "quorum"
	if logged {
		path = "object-storage"
	}
	m.commitSeconds.WithLabelValues(path).Observe(took.Seconds())
	m.batchWrites.Observe(float64(len(b.records)))
	m.batchBytes.Observe(float64(b.bytes))
}

func boolGauge(b bool) float64 {
	if b {
		return 1
	}
	return 0
}
