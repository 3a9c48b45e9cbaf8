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
	expect := func(since time.Time, away bool) {
		t.Helper()
		if got, err := r.Away(); (err != nil) != away || !got.Equal(since) {
			t.Errorf("away since %v (%v), want %v, %v", got, err, since, away)
		}
	}
	expect(time.Time{}, false)
	failure := func(kind error) error { return &objectstore.Error{Kind: kind, Op: "get", Key: "k"} }
	for i, kind := range []error{objectstore.ErrUnavailable, objectstore.ErrPermanent, objectstore.ErrUnknownOutcome} {
		r.note(at(10*i+1), failure(kind))
		r.note(at(10*i+2), failure(objectstore.ErrUnavailable))
		expect(at(10*i+1), true)
		r.note(at(10*i+3), fmt.Errorf("%w: %w", objectstore.ErrUnavailable, context.Canceled))
		expect(at(10*i+1), true)
		r.note(at(10*i+4), []error{nil, failure(objectstore.ErrNotFound), failure(objectstore.ErrPreconditionFailed)}[i])
		expect(time.Time{}, false)
	}
	r.note(at(99), fmt.Errorf("%w: %w", objectstore.ErrUnavailable, context.Canceled))
	expect(time.Time{}, false)
}
