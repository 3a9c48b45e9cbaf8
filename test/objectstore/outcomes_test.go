package objectstoretest

import (
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/netsy-io/netsy/pkg/objectstore"
)

// wireCase is one way in which requests fail.
type wireCase struct {
	name     string
	behave   func(http.ResponseWriter, *http.Request, http.HandlerFunc)
	write    error // kind that a Put and a Delete report
	read     error // kind that a Get reports
	happened bool  // the Put took effect
}

// outcomes puts, deletes and gets through each failure and then looks what happened.
func outcomes(t *testing.T, s objectstore.Store, p *proxy, cases []wireCase) {
	for i, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			ctx := t.Context()
			slot, victim := fmt.Sprintf("slot/%d", i), fmt.Sprintf("victim/%d", i)
			if _, err := s.Put(ctx, victim, []byte("v"), objectstore.IfAbsent()); err != nil {
				t.Fatal(err)
			}
			p.misbehave(c.behave)
			defer p.misbehave(nil) // a failed case must not fail the next ones
			_, err := s.Put(ctx, slot, []byte("x"), objectstore.IfAbsent())
			mustBe(t, err, c.write)
			mustBe(t, s.Delete(ctx, victim, objectstore.Always()), c.write)
			_, err = s.Get(ctx, victim)
			mustBe(t, err, c.read)
			_, err = s.Stat(ctx, victim)
			mustBe(t, err, c.read)
			_, err = s.List(ctx, "", "", 0)
			mustBe(t, err, c.read)
			p.misbehave(nil)
			exists(t, s, slot, c.happened)
			exists(t, s, victim, !c.happened)
		})
	}
}

func exists(t *testing.T, s objectstore.Store, key string, want bool) {
	t.Helper()
	_, err := s.Stat(t.Context(), key)
	if got := err == nil; got != want {
		t.Fatalf("%s exists: %v (%v), expected %v", key, got, err, want)
	}
}

func mustBe(t *testing.T, err, kind error) {
	t.Helper()
	for _, k := range []error{objectstore.ErrNotFound, objectstore.ErrPreconditionFailed, objectstore.ErrUnavailable, objectstore.ErrUnknownOutcome, objectstore.ErrPermanent} {
		if errors.Is(err, k) != (k == kind) {
			t.Fatalf("error is %v, expected the kind %q", err, kind)
		}
	}
}

// silence never answers; the client gives up.
func silence(_ http.ResponseWriter, r *http.Request, _ http.HandlerFunc) {
	_, _ = r.Body.Read(make([]byte, 1)) // to its end, so that the server notices a client that hangs up
	<-r.Context().Done()
}

// lateReply does the work and never answers.
func lateReply(w http.ResponseWriter, r *http.Request, forward http.HandlerFunc) {
	done := r.Context().Done()
	forward(httptest.NewRecorder(), r)
	<-done
}

// missingBucket: a bucket that isn't there is never taken for objects that aren't.
func missingBucket(t *testing.T, s objectstore.Store, bucket string) {
	ctx := t.Context()
	_, err := s.Get(ctx, "k")
	mustBe(t, err, objectstore.ErrPermanent)
	if !strings.Contains(err.Error(), bucket) {
		t.Errorf("error %v doesn't name the bucket", err)
	}
	_, err = s.Stat(ctx, "k")
	mustBe(t, err, objectstore.ErrPermanent)
	_, err = s.GetRange(ctx, "k", 0, 0)
	mustBe(t, err, objectstore.ErrPermanent)
	_, err = s.List(ctx, "", "", 0)
	mustBe(t, err, objectstore.ErrPermanent)
	mustBe(t, s.Delete(ctx, "k", objectstore.Always()), objectstore.ErrPermanent)
	mustBe(t, s.Delete(ctx, "k", objectstore.IfMatch("17")), objectstore.ErrPermanent)
}

// unreachable: a request that was never sent certainly did nothing.
func unreachable(t *testing.T, s objectstore.Store) {
	ctx := t.Context()
	_, err := s.Put(ctx, "k", []byte("x"), objectstore.IfAbsent())
	mustBe(t, err, objectstore.ErrUnavailable)
	mustBe(t, s.Delete(ctx, "k", objectstore.Always()), objectstore.ErrUnavailable)
	_, err = s.Get(ctx, "k")
	mustBe(t, err, objectstore.ErrUnavailable)
	err = objectstore.Probe(ctx, s)
	mustBe(t, err, objectstore.ErrUnavailable)
	if errors.Is(err, objectstore.ErrNoConditionalWrites) {
		t.Fatal(err)
	}
}
