package primary

import (
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/netsy-io/netsy/pkg/lease"
	"github.com/netsy-io/netsy/pkg/record"
	"github.com/netsy-io/netsy/pkg/registry"
)

// Metrics are the write path's. They are meant to be seen while the node is Primary: see
// package rolemetrics.
type Metrics struct {
	epoch         prometheus.Gauge
	startSeconds  prometheus.Gauge
	commitSeconds *prometheus.HistogramVec
	batchWrites   prometheus.Histogram
	batchBytes    prometheus.Histogram
	refused       *prometheus.CounterVec
	switches      *prometheus.CounterVec
	fallbacks     *prometheus.CounterVec
	quorum        prometheus.Gauge
	voters        prometheus.Gauge
	unlogged      prometheus.Gauge
	oldest        atomic.Int64 // when the oldest record was taken that is not in the object log: Unix nanoseconds; 0: none
	leases        *lease.Metrics

	compactions       *prometheus.CounterVec
	compactionBlocked prometheus.Gauge
	compactionForced  prometheus.Counter
}

// The values of labels.
const (
	pathQuorum  = "quorum"
	pathStorage = "object-storage"

	compactionDone   = "done"
	compactionFailed = "failed"
)

// NewMetrics registers the metrics with reg; nil keeps them unregistered.
func NewMetrics(reg prometheus.Registerer) *Metrics {
	m := &Metrics{
		leases: lease.NewMetrics(reg),
		epoch:  prometheus.NewGauge(prometheus.GaugeOpts{Name: "netsy_primary_epoch", Help: "Epoch of this Primary's reign."}),
		startSeconds: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "netsy_primary_start_duration_seconds", Help: "Time that this Primary took from being told of its election to being active.",
		}),
		refused: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "netsy_primary_refused_writes_total", Help: "Writes that were refused before they were evaluated, by reason: draining, no_space (too much is not in the object log yet), queue_full.",
		}, []string{"reason"}),
		fallbacks: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "netsy_primary_quorum_fallbacks_total", Help: "Times the quorum path was left for object storage, by reason: leaving, too_few_voters, voters_change, receipts_late.",
		}, []string{"reason"}),
		voters: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "netsy_primary_voters", Help: "Voters of the durability rule that is recorded, this node among them; 0 while commits go through object storage.",
		}),
		compactions: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "netsy_primary_compactions_total", Help: "Compactions of history, by result: done, failed.",
		}, []string{"result"}),
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
			Name: "netsy_primary_compaction_blocked_since_timestamp_seconds", Help: "Since when watches hold back the compaction of history, in seconds since 1970; 0: they don't.",
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
	m.showLabels()
	if reg != nil {
		reg.MustRegister(m.epoch, m.startSeconds, m.commitSeconds, m.batchWrites, m.batchBytes, m.refused, m.switches, m.fallbacks, m.quorum, m.voters, m.unlogged,
			m.compactions, m.compactionBlocked, m.compactionForced, prometheus.NewGaugeFunc(prometheus.GaugeOpts{
				Name: "netsy_primary_unlogged_oldest_age_seconds", Help: "Age of the oldest record that is not in the object log yet; 0 if all are.",
			}, func() float64 { return ageOf(m.oldest.Load(), time.Now()) }))
	}
	return m
}

// showLabels makes counters that count from 0, so that the first event shows in rates.
func (m *Metrics) showLabels() {
	for _, path := range []string{pathQuorum, pathStorage} {
		m.commitSeconds.WithLabelValues(path)
		m.switches.WithLabelValues(path)
	}
	for _, r := range refusedWith {
		m.refused.WithLabelValues(r.reason)
	}
	for _, w := range fallbacks {
		m.fallbacks.WithLabelValues(w.reason())
	}
	m.compactions.WithLabelValues(compactionDone)
	m.compactions.WithLabelValues(compactionFailed)
}

// begin makes the gauges those of a reign that begins.
func (m *Metrics) begin(epoch record.Epoch, d registry.Durability) {
	m.epoch.Set(float64(epoch))
	m.quorum.Set(0) // receipts count once this reign has recorded so
	m.voters.Set(float64(votersOf(d)))
	m.noteUnlogged(0, time.Time{})
	m.compactionBlocked.Set(0)
}

// noteUnlogged shows what is not in the object log yet; without an oldest there is none.
func (m *Metrics) noteUnlogged(bytes int, oldest time.Time) {
	m.unlogged.Set(float64(bytes))
	if oldest.IsZero() {
		m.oldest.Store(0)
		return
	}
	m.oldest.Store(oldest.UnixNano())
}

// ageOf a moment in Unix nanoseconds, in seconds; 0 stands for none.
func ageOf(at int64, now time.Time) float64 {
	if at == 0 {
		return 0
	}
	return max(now.Sub(time.Unix(0, at)).Seconds(), 0)
}

func votersOf(d registry.Durability) int {
	if d.Mode != registry.ModeQuorum {
		return 0
	}
	return len(d.Voters)
}

// refusedWith are the errors with which a write is refused before it is evaluated.
var refusedWith = []struct {
	err    error
	reason string
}{{ErrDraining, "draining"}, {ErrNoSpace, "no_space"}, {ErrQueueFull, "queue_full"}}

// refuse counts a write refused with err, and returns err.
func (m *Metrics) refuse(err error) error {
	for _, r := range refusedWith {
		if r.err == err {
			m.refused.WithLabelValues(r.reason).Inc()
		}
	}
	return err
}

func (m *Metrics) observeBatch(b *batch, took time.Duration, logged bool) {
	path := pathQuorum
	if logged {
		path = pathStorage
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
