package fault

import (
	"context"
	"errors"

	"github.com/netsy-io/netsy/pkg/objectstore"
)

var errInjected = errors.New("injected")

// Fail refuses requests with an error of the given kind; they don't happen.
// With ErrUnknownOutcome it is a write that was lost on its way.
func Fail(kind error) Fault {
	return func(_ context.Context, r *Request, _ Next) (Response, error) {
		return Response{}, &objectstore.Error{Kind: kind, Op: r.Op, Key: r.Key, Err: errInjected}
	}
}

// LostReply lets requests happen and loses the answer: writes report
// ErrUnknownOutcome (also when they were refused: that answer is lost too), reads
// ErrUnavailable.
func LostReply() Fault {
	return func(ctx context.Context, r *Request, next Next) (Response, error) {
		resp, _ := next(ctx, r)
		if resp.Object != nil {
			resp.Object.Body.Close()
		}
		return Response{}, unanswered(r, errInjected)
	}
}

// EchoedRetry lets writes happen twice, as a client library does that retries
// after a lost reply: the caller sees the second answer, often the refusal of a
// write that had succeeded.
func EchoedRetry() Fault {
	return func(ctx context.Context, r *Request, next Next) (Response, error) {
		if isWrite(r) {
			_, _ = next(ctx, r)
		}
		return next(ctx, r)
	}
}

// Hold keeps requests from being sent until release is closed or ctx ends. With ctx
// they are not sent.
func Hold(release <-chan struct{}) Fault {
	return func(ctx context.Context, r *Request, next Next) (Response, error) {
		select {
		case <-release:
			return next(ctx, r)
		case <-ctx.Done():
			return Response{}, &objectstore.Error{Kind: objectstore.ErrUnavailable, Op: r.Op, Key: r.Key, Err: context.Cause(ctx)}
		}
	}
}

// HoldReply sends requests at once and keeps their answers until release is closed;
// if ctx ends before, the reply is lost.
func HoldReply(release <-chan struct{}) Fault {
	return func(ctx context.Context, r *Request, next Next) (Response, error) {
		resp, err := next(ctx, r)
		select {
		case <-release:
			return resp, err
		case <-ctx.Done():
			if resp.Object != nil {
				resp.Object.Body.Close()
			}
			return Response{}, unanswered(r, context.Cause(ctx))
		}
	}
}

// Hook runs before (each request goes on) and may look at it.
func Hook(before func(r *Request)) Fault {
	return func(ctx context.Context, r *Request, next Next) (Response, error) {
		before(r)
		return next(ctx, r)
	}
}

// After runs with each request's outcome, before its caller learns it.
func After(after func(r *Request, err error)) Fault {
	return func(ctx context.Context, r *Request, next Next) (Response, error) {
		resp, err := next(ctx, r)
		after(r, err)
		return resp, err
	}
}

func isWrite(r *Request) bool { return r.Op == "put" || r.Op == "delete" }

func unanswered(r *Request, cause error) error {
	kind := objectstore.ErrUnavailable
	if isWrite(r) {
		kind = objectstore.ErrUnknownOutcome
	}
	return &objectstore.Error{Kind: kind, Op: r.Op, Key: r.Key, Err: cause}
}
