package identity

import (
	"errors"
	"sync/atomic"
	"time"

	"github.com/hashicorp/go-hclog"
	"golang.org/x/time/rate"

	"github.com/netsy-io/netsy/pkg/logevent"
)

// Refusals are logged at most this often: a misconfigured client retries for
// ever, and a hostile one would fill the disk. The counter misses none.
const (
	logEvery = time.Second
	logBurst = 10
)

// refusals reports who was turned away, to the log and the counter.
type refusals struct {
	log     hclog.Logger
	metrics *Metrics
	limit   *rate.Limiter
	skipped atomic.Int64
}

func newRefusals(log hclog.Logger, m *Metrics) *refusals {
	if log == nil {
		log = hclog.NewNullLogger()
	}
	if m == nil {
		m = NewMetrics(nil)
	}
	return &refusals{log: log, metrics: m, limit: rate.NewLimiter(rate.Every(logEvery), logBurst)}
}

func (r *refusals) report(side string, err error, fields ...any) {
	r.metrics.refusals.WithLabelValues(side, reasonOf(err)).Inc()
	if !r.limit.Allow() {
		r.skipped.Add(1)
		return
	}
	fields = append(fields, "error", err)
	if n := r.skipped.Swap(0); n > 0 {
		fields = append(fields, "not_logged_before", n)
	}
	r.log.Warn("refused for who the other end is", append([]any{"event", logevent.IdentityRefused}, fields...)...)
}

// reasonOf gives the metric's label: one of a handful.
func reasonOf(err error) string {
	for _, r := range []struct {
		err   error
		label string
	}{
		{ErrNoIdentity, "no_identity"}, {ErrWrongCluster, "wrong_cluster"},
		{ErrWrongRole, "wrong_role"}, {ErrWrongName, "wrong_name"},
		{errNotInPolicy, "not_in_policy"}, {errNotVerified, "not_verified"},
	} {
		if errors.Is(err, r.err) {
			return r.label
		}
	}
	return "handshake"
}
