package compactor

import (
	"strings"

	"github.com/prometheus/client_golang/prometheus"
)

// Metrics of a compactor.
type Metrics struct {
	passes      *prometheus.CounterVec
	duration    prometheus.Histogram
	succeeded   prometheus.Gauge
	beyond      prometheus.Gauge
	beyondBytes prometheus.Gauge
	newest      prometheus.Gauge
	written     prometheus.Counter
	freed       *prometheus.CounterVec
	freedBytes  prometheus.Counter
	corrupt     prometheus.Gauge
	damaged     prometheus.Gauge
}

// NewMetrics makes the metrics and registers them, unless reg is nil.
func NewMetrics(reg prometheus.Registerer) *Metrics {
	name := func(n, help string) prometheus.Opts {
		return prometheus.Opts{Namespace: "netsy", Subsystem: "compactor", Name: n, Help: help}
	}
	gauge := func(n, help string) prometheus.Gauge { return prometheus.NewGauge(prometheus.GaugeOpts(name(n, help))) }
	counter := func(n, help string) prometheus.Counter {
		return prometheus.NewCounter(prometheus.CounterOpts(name(n, help)))
	}
	m := &Metrics{
		passes: prometheus.NewCounterVec(prometheus.CounterOpts(name("passes_total", "Passes, by result: done, no_cluster, busy, lock_lost, failed.")), []string{"result"}),
		duration: prometheus.NewHistogram(prometheus.HistogramOpts{
			Namespace: "netsy", Subsystem: "compactor", Name: "pass_duration_seconds", Help: "Time that passes took that did not fail.",
			Buckets: prometheus.ExponentialBuckets(0.01, 4, 10), // 10 ms to 44 min: nothing to do to hundreds of gigabytes
		}),
		succeeded:   gauge("last_success_timestamp_seconds", "When the last pass ended that did not fail, by the local clock."),
		beyond:      gauge("log_revisions", "Revisions in the log beyond the newest snapshot, as of the last pass."),
		beyondBytes: gauge("log_bytes", "Bytes of chunks beyond the newest snapshot, as of the last pass."),
		newest:      gauge("snapshot_revision", "Revision of the newest snapshot that isn't known to be corrupt."),
		written:     counter("snapshots_written_total", "Snapshots written and verified."),
		freed:       prometheus.NewCounterVec(prometheus.CounterOpts(name("freed_total", "Objects freed, by how: delete, tombstone, delete snapshot.")), []string{"how"}),
		freedBytes:  counter("freed_bytes_total", "Bytes of the objects freed."),
		corrupt:     gauge("snapshots_corrupt", "Corrupt snapshots that two sound ones don't supersede yet."),
		damaged:     gauge("chunks_damaged", "Superseded chunks that could not be understood in the last pass and were left in place."),
	}
	for _, o := range []Outcome{Done, NoCluster, Busy, LockLost} { // from 0, so that the first one shows in rates
		m.passes.WithLabelValues(resultOf(Report{Outcome: o}, nil))
	}
	m.passes.WithLabelValues(failed)
	if reg != nil {
		reg.MustRegister(m.passes, m.duration, m.succeeded, m.beyond, m.beyondBytes, m.newest, m.written, m.freed, m.freedBytes, m.corrupt, m.damaged)
	}
	return m
}

const failed = "failed"

// resultOf a pass, as the metrics have it.
func resultOf(r Report, err error) string {
	if err != nil {
		return failed
	}
	return strings.ReplaceAll(string(r.Outcome), " ", "_")
}
