// Package instrumented counts and times what is asked of an object store.
package instrumented

import (
	"errors"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/netsy-io/netsy/pkg/objectstore"
)

// Metrics of object storage. Labels are bounded: op is get, put, delete, list or
// stat; result is ok or the kind of the error.
type Metrics struct {
	Operations *prometheus.CounterVec   // op, result
	Duration   *prometheus.HistogramVec // op
	Bytes      *prometheus.CounterVec   // op: get or put

	Reach Reach // whether it answers
}

// NewMetrics makes the metrics and registers them, unless reg is nil.
func NewMetrics(reg prometheus.Registerer) *Metrics {
	m := &Metrics{
		Operations: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "netsy_objectstore_operations_total",
			Help: "Requests to object storage, by operation and result: ok, not_found, precondition_failed, unavailable, unknown_outcome, permanent.",
		}, []string{"op", "result"}),
		Duration: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name:    "netsy_objectstore_operation_duration_seconds",
			Help:    "Time until object storage answered; for get, until the body could be read.",
			Buckets: prometheus.ExponentialBuckets(0.0005, 2, 16), // 0.5 ms (a local directory) to 16 s (the request timeout)
		}, []string{"op"}),
		Bytes: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "netsy_objectstore_bytes_total",
			Help: "Bytes of object bodies read from and written to object storage.",
		}, []string{"op"}),
	}
	if reg != nil {
		reg.MustRegister(m.Operations, m.Duration, m.Bytes)
	}
	return m
}

func (m *Metrics) observe(op string, start time.Time, err error) {
	m.Reach.note(time.Now(), err)
	m.Duration.WithLabelValues(op).Observe(time.Since(start).Seconds())
	m.Operations.WithLabelValues(op, result(err)).Inc()
}

// result is the label of an outcome. A missing object and a failed precondition are
// ordinary answers, but they are not "ok": races show up here.
func result(err error) string {
	switch {
	case err == nil:
		return "ok"
	case errors.Is(err, objectstore.ErrUnknownOutcome):
		return "unknown_outcome"
	case errors.Is(err, objectstore.ErrNotFound):
		return "not_found"
	case errors.Is(err, objectstore.ErrPreconditionFailed):
		return "precondition_failed"
	case errors.Is(err, objectstore.ErrUnavailable):
		return "unavailable"
	default:
		return "permanent"
	}
}
