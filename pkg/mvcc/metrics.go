package mvcc

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/netsy-io/netsy/pkg/record"
)

// Metrics of the local store.
type Metrics struct {
	appendSeconds   prometheus.Histogram
	appendRecords   prometheus.Histogram
	appendErrors    prometheus.Counter
	oldRangeSeconds prometheus.Histogram
	tailRevision    prometheus.Gauge
	published       prometheus.Gauge
	keys            prometheus.Gauge
	valueBytes      prometheus.Gauge
	valueReads      prometheus.Counter
	valueEvictions  prometheus.Counter
	compacted       prometheus.Gauge
	purgedRecords   prometheus.Counter
	purgeErrors     prometheus.Counter
	vacuumed        prometheus.Counter
	loadedRecords   prometheus.Counter
	loads           prometheus.Counter
	loadSeconds     prometheus.Gauge
	stateSeconds    prometheus.Gauge
}

// NewMetrics makes the metrics and registers them with r, if r isn't nil.
func NewMetrics(r prometheus.Registerer) *Metrics {
	gauge := func(name, help string) prometheus.Gauge {
		return prometheus.NewGauge(prometheus.GaugeOpts{Name: "netsy_mvcc_" + name, Help: help})
	}
	counter := func(name, help string) prometheus.Counter {
		return prometheus.NewCounter(prometheus.CounterOpts{Name: "netsy_mvcc_" + name, Help: help})
	}
	histogram := func(name, help string, buckets []float64) prometheus.Histogram {
		return prometheus.NewHistogram(prometheus.HistogramOpts{Name: "netsy_mvcc_" + name, Help: help, Buckets: buckets})
	}
	seconds := prometheus.ExponentialBuckets(0.0001, 2.5, 12) // 0.1 ms to 2.4 s
	m := &Metrics{
		appendSeconds:   histogram("append_duration_seconds", "Time to store a batch durably in SQLite.", seconds),
		appendRecords:   histogram("append_records", "Records in a stored batch.", prometheus.ExponentialBuckets(1, 4, 7)),
		appendErrors:    counter("append_errors_total", "Batches that were not stored."),
		oldRangeSeconds: histogram("old_revision_range_duration_seconds", "Time of reads at a past revision, from SQLite.", seconds),
		tailRevision:    gauge("tail_revision", "Last stored revision."),
		published:       gauge("published_revision", "Newest committed revision that reads see."),
		keys:            gauge("keys", "Live keys."),
		valueBytes:      gauge("value_cache_bytes", "Memory taken by values of live keys."),
		valueReads:      counter("value_reads_total", "Values of live keys read from SQLite, since they were not in memory."),
		valueEvictions:  counter("value_evictions_total", "Values of live keys that memory had no room for any more."),
		compacted:       gauge("compaction_revision", "Revisions below it can't be read."),
		purgedRecords:   counter("purged_records_total", "Superseded records removed from SQLite."),
		purgeErrors:     counter("purge_errors_total", "Failed attempts to remove superseded records."),
		vacuumed:        counter("vacuumed_bytes_total", "Bytes of the SQLite file given back to the file system."),
		loadedRecords:   counter("load_records_total", "Records of snapshots staged in SQLite, also of loads that were given up."),
		loads:           counter("loads_total", "Loads of a snapshot that replaced the stored history."),
		loadSeconds:     gauge("load_duration_seconds", "Duration of the last load of a snapshot, its download included."),
		stateSeconds:    gauge("state_load_duration_seconds", "Time it took last to build the state in memory from SQLite."),
	}
	if r != nil {
		r.MustRegister(m.appendSeconds, m.appendRecords, m.appendErrors, m.oldRangeSeconds, m.tailRevision, m.published,
			m.keys, m.valueBytes, m.valueReads, m.valueEvictions, m.compacted, m.purgedRecords, m.purgeErrors, m.vacuumed, m.loadedRecords, m.loads, m.loadSeconds, m.stateSeconds)
	}
	return m
}

func (m *Metrics) observeState(d *durable) {
	m.tailRevision.Set(float64(d.tail.Revision))
	m.compacted.Set(float64(d.compact))
}

func (m *Metrics) observePublished(sn *Snapshot) {
	m.published.Set(float64(sn.rev))
	m.keys.Set(float64(sn.Len()))
}

func (m *Metrics) observeAppend(recs []record.Record, took time.Duration, err error) {
	if err != nil {
		m.appendErrors.Inc()
		return
	}
	m.appendSeconds.Observe(took.Seconds())
	m.appendRecords.Observe(float64(len(recs)))
}

func (m *Metrics) observeLoad(took time.Duration) {
	m.loads.Inc()
	m.loadSeconds.Set(took.Seconds())
}
