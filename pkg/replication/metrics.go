package replication

import (
	"context"
	"errors"

	"github.com/prometheus/client_golang/prometheus"
	"google.golang.org/grpc/status"

	"github.com/netsy-io/netsy/pkg/mvcc"
)

// Metrics of both sides of the follow stream.
type Metrics struct {
	followers     prometheus.Gauge
	streamsServed prometheus.Counter
	receipts      prometheus.Counter
	rounds        prometheus.Counter
	behind        prometheus.Counter
	sentRing      prometheus.Counter
	sentStore     prometheus.Counter

	lag          prometheus.Gauge
	stored       prometheus.Counter
	sentReceipts prometheus.Counter
	streams      *prometheus.CounterVec
}

// NewMetrics makes the metrics and registers them with reg, if it isn't nil.
func NewMetrics(reg prometheus.Registerer) *Metrics {
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
		lag:           gauge("netsy_replica_lag_revisions", "Revisions that the Primary has committed and this replica has not published yet."),
		stored:        counter("netsy_replica_stored_records_total", "Records received from a Primary and stored."),
		sentReceipts:  counter("netsy_replica_receipts_total", "Receipts sent to a Primary."),
		streams: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "netsy_replica_follow_streams_total",
			Help: "Streams to a Primary that have ended, by why."}, []string{"reason"}),
	}
	if reg != nil {
		reg.MustRegister(m.followers, m.streamsServed, m.receipts, m.rounds, m.behind, sent, m.lag, m.stored, m.sentReceipts, m.streams)
	}
	return m
}

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
