package forward

import (
	"context"
	"errors"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	pb "github.com/netsy-io/netsy/pkg/netsypb/peerpb"
	"github.com/netsy-io/netsy/pkg/primary"
)

// Metrics are those of the replica's side.
type Metrics struct {
	seconds  *prometheus.HistogramVec // by request
	failures *prometheus.CounterVec   // by reason
	streams  prometheus.Counter
}

// NewMetrics registers the metrics with reg; nil keeps them unregistered.
func NewMetrics(reg prometheus.Registerer) *Metrics {
	m := &Metrics{
		seconds: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "netsy_replica_forward_duration_seconds", Help: "Time until the Primary answered a forwarded request, by kind of request.",
			Buckets: prometheus.ExponentialBuckets(0.0005, 2, 16),
		}, []string{"request"}),
		failures: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "netsy_replica_forward_failures_total", Help: "Forwarded requests that were not done or whose outcome is unknown, by reason.",
		}, []string{"reason"}),
		streams: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "netsy_replica_forward_streams_total", Help: "Streams opened to forward requests.",
		}),
	}
	for _, request := range []string{"write", "lease_grant", "read_index"} {
		m.seconds.WithLabelValues(request)
	}
	for _, f := range failures {
		m.failures.WithLabelValues(f.reason)
	}
	if reg != nil {
		reg.MustRegister(m.seconds, m.failures, m.streams)
	}
	return m
}

// failures are the ends that say something about the way to the Primary. What the
// Primary answers to the request itself, such as that a revision was compacted, is
// none of them.
var failures = []struct {
	err    error
	reason string
}{
	{primary.ErrUnknownOutcome, "unknown_outcome"},
	{primary.ErrNotPrimary, "not_primary"},
	{primary.ErrDraining, "draining"},
	{primary.ErrQueueFull, "queue_full"},
	{primary.ErrNoSpace, "no_space"},
	{context.DeadlineExceeded, "too_late"},
}

// observe notes how a request ended that was made at begun.
func (m *Metrics) observe(req *pb.ForwardRequest, begun time.Time, err error) {
	if err == nil {
		m.seconds.WithLabelValues(requestName(req)).Observe(time.Since(begun).Seconds())
		return
	}
	for _, f := range failures {
		if errors.Is(err, f.err) {
			m.failures.WithLabelValues(f.reason).Inc()
			return
		}
	}
}

func requestName(req *pb.ForwardRequest) string {
	switch req.Request.(type) {
	case *pb.ForwardRequest_ReadIndex:
		return "read_index"
	case *pb.ForwardRequest_LeaseTtl:
		return "lease_grant"
	default:
		return "write"
	}
}
