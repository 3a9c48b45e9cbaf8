package replication

import (
	"context"
	"errors"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"google.golang.org/grpc/status"

	"github.com/netsy-io/netsy/pkg/mvcc"
	"github.com/netsy-io/netsy/pkg/record"
	"github.com/netsy-io/netsy/pkg/rolemetrics"
)

// Metrics of both sides of the follow stream. They are meant to be seen while the node has
// the side's role: see package rolemetrics.
type Metrics struct {
	feed atomic.Pointer[Feed] // of the reign; nil: none

	followers     prometheus.Gauge
	streamsServed prometheus.Counter
	receipts      prometheus.Counter
	rounds        prometheus.Counter
	behind        prometheus.Counter
	sentRing      prometheus.Counter
	sentStore     prometheus.Counter

	following    *rolemetrics.Role // a Primary, over a stream: only then is lag known
	inSync       prometheus.Gauge
	lag          prometheus.Gauge
	lastReceipt  prometheus.Gauge
	stored       prometheus.Counter
	sentReceipts prometheus.Counter
	streams      *prometheus.CounterVec
}

// NewMetrics makes the metrics and registers the Primary's with primary and the replica's
// with replica; nil: not.
func NewMetrics(primary, replica prometheus.Registerer) *Metrics {
	counter := func(name, help string) prometheus.Counter {
		return prometheus.NewCounter(prometheus.CounterOpts{Name: name, Help: help})
	}
	gauge := func(name, help string) prometheus.Gauge {
		return prometheus.NewGauge(prometheus.GaugeOpts{Name: name, Help: help})
	}
	sent := prometheus.NewCounterVec(prometheus.CounterOpts{Name: "netsy_primary_follower_appends_total",
		Help: "Messages with records sent to followers, by where the records were read."}, []string{"source"})
	m := &Metrics{
		followers:     gauge("netsy_primary_followers", "Replicas that follow this Primary now."),
		streamsServed: counter("netsy_primary_follow_streams_total", "Follow streams begun by replicas."),
		receipts:      counter("netsy_primary_receipts_total", "Receipts taken from followers."),
		rounds:        counter("netsy_primary_rounds_total", "Rounds in which followers were asked whether the reign goes on."),
		behind:        counter("netsy_primary_followers_behind_total", "Follow streams ended because the replica has to load the object log first."),
		sentRing:      sent.WithLabelValues("memory"),
		sentStore:     sent.WithLabelValues("store"),
		following:     rolemetrics.New(replica),
		inSync:        gauge("netsy_replica_following", "1 while this replica and a Primary have agreed on a stream, else 0."),
		lag:           gauge("netsy_replica_lag_revisions", "Revisions that the Primary has committed and this replica has not published yet, as far as it has heard; absent while it doesn't follow."),
		lastReceipt:   gauge("netsy_replica_last_receipt_timestamp_seconds", "When this replica last sent the Primary a receipt, in seconds since 1970; absent while it doesn't follow."),
		stored:        counter("netsy_replica_stored_records_total", "Records received from a Primary and stored."),
		sentReceipts:  counter("netsy_replica_receipts_total", "Receipts sent to a Primary."),
		streams: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "netsy_replica_follow_streams_total",
			Help: "Streams to a Primary that have ended, by why."}, []string{"reason"}),
	}
	for _, r := range reasons {
		m.streams.WithLabelValues(r)
	}
	if primary != nil {
		primary.MustRegister(m.followers, m.streamsServed, m.receipts, m.rounds, m.behind, sent)
		m.registerFollowers(primary)
	}
	if replica != nil {
		replica.MustRegister(m.inSync, m.stored, m.sentReceipts, m.streams)
		m.following.MustRegister(m.lag, m.lastReceipt)
	}
	return m
}

// registerFollowers registers what is looked up when it is asked for. It is of the
// followers together: a label for each would grow with every node that ever was.
func (m *Metrics) registerFollowers(reg prometheus.Registerer) {
	gauge := func(name, help string, of func(followersNow) float64) {
		reg.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: name, Help: help}, func() float64 {
			f := m.feed.Load()
			if f == nil {
				return 0
			}
			return of(f.now(time.Now()))
		}))
	}
	gauge("netsy_primary_followers_healthy", "Replicas that follow this Primary now and have been heard lately.",
		func(n followersNow) float64 { return float64(n.healthy) })
	gauge("netsy_primary_follower_receipt_age_seconds", "Time since the last receipt of the follower that has sent none for longest; 0 without followers.",
		func(n followersNow) float64 { return n.silent.Seconds() })
	gauge("netsy_primary_follower_lag_revisions", "Revisions that the follower furthest behind has not stored yet; 0 without followers.",
		func(n followersNow) float64 { return float64(n.behind) })
}

// followersNow is what is known of the connected followers together.
type followersNow struct {
	healthy int
	silent  time.Duration   // the longest
	behind  record.Revision // the most
}

func (f *Feed) now(at time.Time) (n followersNow) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, c := range f.copies {
		if !c.connected() {
			continue
		}
		if f.healthyLocked(c, at) {
			n.healthy++
		}
		n.silent = max(n.silent, at.Sub(c.stream.heard))
		n.behind = max(n.behind, f.last-c.receipt)
	}
	return n
}

// agreed notes that a replica's stream begins to send records; what it returns, that it ended.
func (m *Metrics) agreed() (ended func()) {
	m.lag.Set(0)
	m.inSync.Set(1)
	m.lastReceipt.SetToCurrentTime()
	m.following.Enter()
	return func() {
		m.following.Leave()
		m.inSync.Set(0)
	}
}

// reasons are those that a stream ends for.
var reasons = []string{"behind", "promised", "conflict", "silent", "stopped", "primary", "error"}

// streamEnded counts the end of a replica's stream under one of a few reasons.
func (m *Metrics) streamEnded(err error) {
	m.streams.WithLabelValues(reason(err)).Inc()
}

func reason(err error) string {
	var promised *mvcc.PromisedError
	switch {
	case errors.Is(err, ErrBehind), errors.Is(err, ErrPurged):
		return "behind"
	case errors.As(err, &promised):
		return "promised"
	case errors.Is(err, ErrConflict):
		return "conflict"
	case errors.Is(err, ErrSilent):
		return "silent"
	case errors.Is(err, context.Canceled):
		return "stopped"
	}
	if _, ok := status.FromError(err); ok {
		return "primary"
	}
	return "error"
}
