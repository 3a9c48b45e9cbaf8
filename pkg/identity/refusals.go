package identity

import (
	"errors"
	"io"
	"net"
	"os"
	"sync/atomic"
	"syscall"
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

// report counts and logs a refusal. Who only went away was refused nothing: clients that
// dial several nodes drop what they don't need, and load balancers look whether a port is open.
func (r *refusals) report(side string, err error, fields ...any) {
	if wentAway(err) {
		r.log.Debug("the other end went away during the handshake", append(fields, "error", err)...)
		return
	}
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

// wentAway: the connection ended, or nothing came. A refusal by the other end is an alert,
// which is another error.
func wentAway(err error) bool {
	for _, gone := range []error{io.EOF, io.ErrUnexpectedEOF, net.ErrClosed, os.ErrDeadlineExceeded, syscall.ECONNRESET, syscall.EPIPE} {
		if errors.Is(err, gone) {
			return true
		}
	}
	return false
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
