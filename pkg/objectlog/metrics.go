package objectlog

import "github.com/prometheus/client_golang/prometheus"

// Metrics of the object log.
type Metrics struct {
	appended      prometheus.Counter
	appendedBytes prometheus.Counter
	appendSeconds prometheus.Histogram
	readBacks     prometheus.Counter
	retries       *prometheus.CounterVec
	slotsLost     prometheus.Counter
	read          prometheus.Counter
	readBytes     prometheus.Counter
}

// NewMetrics makes the metrics and registers them, unless reg is nil.
func NewMetrics(reg prometheus.Registerer) *Metrics {
	counter := func(name, help string) prometheus.CounterOpts {
		return prometheus.CounterOpts{Namespace: "netsy", Subsystem: "objectlog", Name: name, Help: help}
	}
	m := &Metrics{
		appended:      prometheus.NewCounter(counter("chunks_appended_total", "Chunks whose slot was won.")),
		appendedBytes: prometheus.NewCounter(counter("appended_bytes_total", "Bytes of the chunks whose slot was won.")),
		appendSeconds: prometheus.NewHistogram(prometheus.HistogramOpts{
			Namespace: "netsy", Subsystem: "objectlog", Name: "append_duration_seconds", Help: "Time to win a slot, retries included.",
			Buckets: prometheus.ExponentialBuckets(0.001, 2, 15), // 1 ms to 16 s: a local directory to a struggling store
		}),
		readBacks: prometheus.NewCounter(counter("read_backs_total", "Slots read back because the answer to a write did not settle them.")),
		retries:   prometheus.NewCounterVec(counter("retries_total", "Operations tried again, by operation."), []string{"op"}),
		slotsLost: prometheus.NewCounter(counter("slots_lost_total", "Slots found to hold another writer's chunk.")),
		read:      prometheus.NewCounter(counter("chunks_read_total", "Chunks read and verified.")),
		readBytes: prometheus.NewCounter(counter("read_bytes_total", "Bytes of the chunks read and verified.")),
	}
	if reg != nil {
		reg.MustRegister(m.appended, m.appendedBytes, m.appendSeconds, m.readBacks, m.retries, m.slotsLost, m.read, m.readBytes)
	}
	return m
}
