package instrumented

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/netsy-io/netsy/pkg/objectstore"
)

func TestReach(t *testing.T) {
	var r Reach
	at := func(s int) time.Time { return time.Unix(int64(s), 0) }
	expect := func(since, last time.Time, away bool) {
		t.Helper()
		if got := r.Away(); (got.Err != nil) != away || !got.Since.Equal(since) || !got.Last.Equal(last) {
			t.Errorf("%+v, want away: %v, since %v until %v", got, away, since, last)
		}
	}
	never := time.Time{}
	expect(never, never, false)
	failure := func(kind error) error { return &objectstore.Error{Kind: kind, Op: "get", Key: "k"} }
	for i, kind := range []error{objectstore.ErrUnavailable, objectstore.ErrPermanent, objectstore.ErrUnknownOutcome} {
		r.note(at(10*i+1), failure(kind))
		expect(at(10*i+1), at(10*i+1), true)
		r.note(at(10*i+2), failure(objectstore.ErrUnavailable))
		expect(at(10*i+1), at(10*i+2), true)
		r.note(at(10*i+3), fmt.Errorf("%w: %w", objectstore.ErrUnavailable, context.Canceled))
		expect(at(10*i+1), at(10*i+2), true)
		r.note(at(10*i+4), []error{nil, failure(objectstore.ErrNotFound), failure(objectstore.ErrPreconditionFailed)}[i])
		expect(never, never, false)
	}
	r.note(at(99), fmt.Errorf("%w: %w", objectstore.ErrUnavailable, context.Canceled))
	expect(never, never, false)
}
