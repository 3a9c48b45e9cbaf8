// Package attempt is what the providers that speak HTTP share: the bounds of one
// request, and what is known about it when no answer came.
package attempt

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http/httptrace"
	"sync/atomic"
	"time"

	"github.com/netsy-io/netsy/pkg/objectstore"
)

// ErrTimeout is the cause of a request that got no answer within its timeout.
var ErrTimeout = errors.New("no answer within the request timeout")

// slowest is the throughput, in bytes a second, below which an upload is given up.
const slowest = 1 << 20

// Timeout is how long a request with a body of size bytes may take.
func Timeout(base time.Duration, size int64) time.Duration {
	return base + time.Duration(size/slowest)*time.Second
}

// Attempt is one request. Close it, or hand it to a Body.
type Attempt struct {
	ctx     context.Context
	cancel  context.CancelCauseFunc
	timer   *time.Timer
	timeout time.Duration
	sent    atomic.Bool
}

// Begin starts the clock of a request; send it with Context.
func Begin(ctx context.Context, timeout time.Duration) *Attempt {
	a := &Attempt{timeout: timeout}
	ctx, a.cancel = context.WithCancelCause(ctx)
	a.ctx = httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{
		// From here on bytes may be on their way. Dialling, proxies and TLS are before it.
		GotConn: func(httptrace.GotConnInfo) { a.sent.Store(true) },
	})
	a.timer = time.AfterFunc(timeout, func() { a.cancel(fmt.Errorf("%w of %v", ErrTimeout, timeout)) })
	return a
}

// Context is the request's.
func (a *Attempt) Context() context.Context { return a.ctx }

// Close ends the request.
func (a *Attempt) Close() {
	a.timer.Stop()
	a.cancel(nil)
}

// Unanswered is the kind of error of a request that got no (whole) answer.
func (a *Attempt) Unanswered(write bool) error {
	if write && a.sent.Load() {
		return objectstore.ErrUnknownOutcome
	}
	return objectstore.ErrUnavailable
}

// Explain adds why the request was cut short, if it was.
func (a *Attempt) Explain(err error) error {
	if cause := context.Cause(a.ctx); cause != nil && err != nil && !errors.Is(err, cause) {
		return fmt.Errorf("%w: %w", cause, err)
	}
	return err
}

// Body is the body of an answer. The timeout now applies to each single Read: a
// reader may take its time, the server may not.
func (a *Attempt) Body(key string, body io.ReadCloser) io.ReadCloser {
	a.timer.Stop()
	return &answerBody{a: a, key: key, body: body}
}

type answerBody struct {
	a    *Attempt
	key  string
	body io.ReadCloser
}

func (b *answerBody) Read(p []byte) (int, error) {
	b.a.timer.Reset(b.a.timeout)
	n, err := b.body.Read(p)
	b.a.timer.Stop()
	if err != nil && err != io.EOF {
		err = &objectstore.Error{Kind: objectstore.ErrUnavailable, Op: "get", Key: b.key, Err: b.a.Explain(err)}
	}
	return n, err
}

func (b *answerBody) Close() error {
	defer b.a.Close()
	return b.body.Close()
}
