package objectstoretest

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/netsy-io/netsy/pkg/objectstore"
	"github.com/netsy-io/netsy/pkg/objectstore/gcs"
)

func gcsError(status int, reason, message string) func(http.ResponseWriter, *http.Request, http.HandlerFunc) {
	return answer(status, "application/json", fmt.Sprintf(`{"error":{"code":%d,"message":%q,"errors":[{"domain":"global","reason":%q,"message":%q}]}}`, status, message, reason, message))
}

// TestGCSOutcomes: what each failure on the wire is reported as, and whether the
// write happened.
func TestGCSOutcomes(t *testing.T) {
	t.Parallel()
	g := startFakeGCS(t)
	cfg := g.config()
	cfg.Timeout = 300 * time.Millisecond
	outcomes(t, g.open(t, cfg), g.proxy, []wireCase{
		{"TooManyRequests", gcsError(429, "rateLimitExceeded", "slow"), objectstore.ErrUnavailable, objectstore.ErrUnavailable, false},
		{"RateLimit403", gcsError(403, "rateLimitExceeded", "slow"), objectstore.ErrUnavailable, objectstore.ErrUnavailable, false},
		{"BackendError", gcsError(503, "backendError", "down"), objectstore.ErrUnknownOutcome, objectstore.ErrUnavailable, false},
		{"InternalError", gcsError(500, "internalError", "down"), objectstore.ErrUnknownOutcome, objectstore.ErrUnavailable, false},
		{"BadGateway", answer(502, "text/html", "<html>bad gateway"), objectstore.ErrUnknownOutcome, objectstore.ErrUnavailable, false},
		{"Forbidden", gcsError(403, "forbidden", "no"), objectstore.ErrPermanent, objectstore.ErrPermanent, false},
		{"Unauthorized", gcsError(401, "authError", "no"), objectstore.ErrPermanent, objectstore.ErrPermanent, false},
		{"NoSuchBucket", gcsError(404, "notFound", "The specified bucket does not exist."), objectstore.ErrPermanent, objectstore.ErrPermanent, false},
		{"NotImplemented", gcsError(501, "notImplemented", "no"), objectstore.ErrPermanent, objectstore.ErrPermanent, false},
		{"Cut", cut, objectstore.ErrUnknownOutcome, objectstore.ErrUnavailable, false},
		{"LostReply", loseReply, objectstore.ErrUnknownOutcome, objectstore.ErrUnavailable, true},
		{"Silence", silence, objectstore.ErrUnknownOutcome, objectstore.ErrUnavailable, false},
		{"LateReply", lateReply, objectstore.ErrUnknownOutcome, objectstore.ErrUnavailable, true},
	})
}

// TestGCSOneAttempt: writes are sent once, reads again.
func TestGCSOneAttempt(t *testing.T) {
	t.Parallel()
	g := startFakeGCS(t)
	s := g.open(t, g.config())
	g.misbehave(gcsError(503, "backendError", "down"))
	_, err := s.Put(t.Context(), "k", []byte("x"), objectstore.IfAbsent())
	mustBe(t, err, objectstore.ErrUnknownOutcome)
	mustBe(t, s.Delete(t.Context(), "k", objectstore.IfMatch("17")), objectstore.ErrUnknownOutcome)
	if n := len(g.take()); n != 2 {
		t.Fatalf("a write and a delete took %d requests", n)
	}
	_, err = s.Stat(t.Context(), "k")
	mustBe(t, err, objectstore.ErrUnavailable)
	if n := len(g.take()); n != 3 {
		t.Fatalf("a read was tried %d times", n)
	}
}

func TestGCSMissingBucket(t *testing.T) {
	t.Parallel()
	g := startFakeGCS(t)
	cfg := g.config()
	cfg.Bucket = "nowhere"
	missingBucket(t, g.open(t, cfg), "nowhere")
}

func TestGCSUnreachable(t *testing.T) {
	t.Parallel()
	s, err := gcs.Open(t.Context(), gcs.Config{Bucket: gcsBucket, Endpoint: "http://127.0.0.1:1"})
	if err != nil {
		t.Fatal(err)
	}
	unreachable(t, s)
}

// TestGCSWithoutConditions: a server that ignores preconditions is found out.
func TestGCSWithoutConditions(t *testing.T) {
	t.Parallel()
	g := startFakeGCS(t)
	g.misbehave(func(w http.ResponseWriter, r *http.Request, forward http.HandlerFunc) {
		q := r.URL.Query()
		q.Del("ifGenerationMatch")
		r.URL.RawQuery = q.Encode()
		forward(w, r)
	})
	s := g.open(t, g.config())
	if err := objectstore.Probe(t.Context(), s); !errors.Is(err, objectstore.ErrNoConditionalWrites) {
		t.Fatalf("probe: %v", err)
	}
	page, err := s.List(t.Context(), "", "", 0)
	if err != nil || len(page.Objects) != 0 {
		t.Fatalf("the probe left %+v, %v", page.Objects, err)
	}
}

// TestGCSWire: preconditions, prefix, class and key are on the wire.
func TestGCSWire(t *testing.T) {
	t.Parallel()
	g := startFakeGCS(t)
	var bodies []string
	g.misbehave(func(w http.ResponseWriter, r *http.Request, _ http.HandlerFunc) {
		b, _ := io.ReadAll(r.Body)
		bodies = append(bodies, string(b))
		answer(200, "application/json", `{"generation":"5","crc32c":"4waSgw=="}`)(w, r, nil)
	})
	cfg := g.config()
	cfg.Prefix, cfg.Class, cfg.KMSKeyName = "clusters/prod", "NEARLINE", "projects/p/locations/l/keyRings/r/cryptoKeys/k"
	s := g.open(t, cfg)
	if v, err := s.Put(t.Context(), "chunks/1", []byte("123456789"), objectstore.IfAbsent()); err != nil || v != "5" {
		t.Fatal(v, err)
	}
	if _, err := s.PutStream(t.Context(), "chunks/1", strings.NewReader("123456789"), 9, objectstore.IfMatch("17")); err != nil {
		t.Fatal(err)
	}
	requests := g.take()
	if len(requests) != 2 {
		t.Fatalf("%d requests", len(requests))
	}
	for i, match := range []string{"0", "17"} {
		q := requests[i].URL.Query()
		if q.Get("ifGenerationMatch") != match || q.Get("kmsKeyName") != cfg.KMSKeyName {
			t.Errorf("request %s, expected ifGenerationMatch=%s and kmsKeyName=%s", requests[i].URL, match, cfg.KMSKeyName)
		}
		for _, want := range []string{`"name":"clusters/prod/chunks/1"`, `"storageClass":"NEARLINE"`} {
			if !strings.Contains(bodies[i], want) {
				t.Errorf("body %q lacks %s", bodies[i], want)
			}
		}
		if requests[i].Header.Get("Authorization") != "" {
			t.Error("credentials were sent over plain http")
		}
	}
}
