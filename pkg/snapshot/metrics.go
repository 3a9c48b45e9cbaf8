package snapshot

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// Metrics of snapshots.
type Metrics struct {
	readBytes      prometheus.Counter
	readRecords    prometheus.Counter
	writtenBytes   prometheus.Counter
	writtenRecords prometheus.Counter
	damaged        prometheus.Counter
	retries        *prometheus.CounterVec
	durations      *prometheus.HistogramVec
}

// NewMetrics makes the metrics and registers them, unless reg is nil.
func NewMetrics(reg prometheus.Registerer) *Metrics {
	counter := func(name, help string) prometheus.CounterOpts {
		return prometheus.CounterOpts{Namespace: "netsy", Subsystem: "snapshot", Name: name, Help: help}
	}
	m := &Metrics{
		readBytes:      prometheus.NewCounter(counter("read_bytes_total", "Bytes of snapshots downloaded.")),
		readRecords:    prometheus.NewCounter(counter("read_records_total", "Records of snapshots read and verified.")),
		writtenBytes:   prometheus.NewCounter(counter("written_bytes_total", "Bytes of the snapshots published.")),
		writtenRecords: prometheus.NewCounter(counter("written_records_total", "Records of the snapshots published.")),
		damaged:        prometheus.NewCounter(counter("damaged_total", "Snapshots found damaged, each time they were.")),
		retries:        prometheus.NewCounterVec(counter("retries_total", "Requests tried again, by operation."), []string{"op"}),
		durations: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Namespace: "netsy", Subsystem: "snapshot", Name: "duration_seconds", Help: "Time that succeeding operations took, by operation (merge, publish, verify).",
			Buckets: prometheus.ExponentialBuckets(0.01, 4, 10), // 10 ms to 44 min: a handful of records to hundreds of gigabytes
		}, []string{"op"}),
	}
	if reg != nil {
		reg.MustRegister(m.readBytes, m.readRecords, m.writtenBytes, m.writtenRecords, m.damaged, m.retries, m.durations)
	}
	return m
}

// took notes how long an operation took that began then, if it succeeded.
func (m *Metrics) took(op string, began time.Time, err error) {
	if err == nil {
		m.durations.WithLabelValues(op).Observe(time.Since(began).Seconds())
	}
}
