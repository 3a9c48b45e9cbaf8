package objectstoretest

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
	"github.com/aws/aws-sdk-go-v2/credentials"

	"github.com/netsy-io/netsy/pkg/objectstore"
	"github.com/netsy-io/netsy/pkg/objectstore/s3"
)

func s3Error(status int, code string) func(http.ResponseWriter, *http.Request, http.HandlerFunc) {
	return answer(status, "application/xml", fmt.Sprintf(`<?xml version="1.0" encoding="UTF-8"?><Error><Code>%s</Code><Message>test</Message></Error>`, code))
}

// TestS3Outcomes: what each failure on the wire is reported as, and whether the
// write happened.
func TestS3Outcomes(t *testing.T) {
	t.Parallel()
	g := startVersitygw(t)
	cfg := g.config()
	cfg.Timeout = 300 * time.Millisecond
	outcomes(t, g.open(t, cfg), g.proxy, []wireCase{
		{"SlowDown", s3Error(503, "SlowDown"), objectstore.ErrUnavailable, objectstore.ErrUnavailable, false},
		{"ServiceUnavailable", s3Error(503, "ServiceUnavailable"), objectstore.ErrUnknownOutcome, objectstore.ErrUnavailable, false},
		{"TooManyRequests", answer(429, "text/plain", "slow"), objectstore.ErrUnavailable, objectstore.ErrUnavailable, false},
		{"Conflict", s3Error(409, "ConditionalRequestConflict"), objectstore.ErrUnavailable, objectstore.ErrUnavailable, false},
		{"InternalError", s3Error(500, "InternalError"), objectstore.ErrUnknownOutcome, objectstore.ErrUnavailable, false},
		{"BadGateway", answer(502, "text/html", "<html>bad gateway"), objectstore.ErrUnknownOutcome, objectstore.ErrUnavailable, false},
		{"GatewayTimeout", answer(504, "text/html", ""), objectstore.ErrUnknownOutcome, objectstore.ErrUnavailable, false},
		{"AccessDenied", s3Error(403, "AccessDenied"), objectstore.ErrPermanent, objectstore.ErrPermanent, false},
		{"NoSuchBucket", s3Error(404, "NoSuchBucket"), objectstore.ErrPermanent, objectstore.ErrPermanent, false},
		{"NotImplemented", s3Error(501, "NotImplemented"), objectstore.ErrPermanent, objectstore.ErrPermanent, false},
		{"Redirect", s3Error(301, "PermanentRedirect"), objectstore.ErrPermanent, objectstore.ErrPermanent, false},
		{"ExpiredToken", s3Error(400, "ExpiredToken"), objectstore.ErrUnavailable, objectstore.ErrUnavailable, false},
		{"Cut", cut, objectstore.ErrUnknownOutcome, objectstore.ErrUnavailable, false},
		{"LostReply", loseReply, objectstore.ErrUnknownOutcome, objectstore.ErrUnavailable, true},
		{"Silence", silence, objectstore.ErrUnknownOutcome, objectstore.ErrUnavailable, false},
		{"LateReply", lateReply, objectstore.ErrUnknownOutcome, objectstore.ErrUnavailable, true},
	})
}

// TestS3OneAttempt: writes are sent once, reads again.
func TestS3OneAttempt(t *testing.T) {
	t.Parallel()
	g := startVersitygw(t)
	s := g.open(t, g.config())
	g.misbehave(s3Error(500, "InternalError"))
	_, err := s.Put(t.Context(), "k", []byte("x"), objectstore.IfAbsent())
	mustBe(t, err, objectstore.ErrUnknownOutcome)
	mustBe(t, s.Delete(t.Context(), "k", objectstore.Always()), objectstore.ErrUnknownOutcome)
	if n := len(g.take()); n != 2 {
		t.Fatalf("a write and a delete took %d requests", n)
	}
	_, err = s.Get(t.Context(), "k")
	mustBe(t, err, objectstore.ErrUnavailable)
	if n := len(g.take()); n != 3 {
		t.Fatalf("a read was tried %d times", n)
	}
}

func TestS3WrongCredentials(t *testing.T) {
	t.Parallel()
	g := startVersitygw(t)
	for name, c := range map[string]aws.CredentialsProvider{
		"unknown key":  credentials.NewStaticCredentialsProvider("nobody", s3Secret, ""),
		"wrong secret": credentials.NewStaticCredentialsProvider(s3Access, "wrong", ""),
	} {
		cfg := g.config()
		cfg.Credentials = c
		err := objectstore.Probe(t.Context(), g.open(t, cfg))
		mustBe(t, err, objectstore.ErrPermanent)
		if errors.Is(err, objectstore.ErrNoConditionalWrites) || !(strings.Contains(err.Error(), "credentials") || strings.Contains(err.Error(), "access key")) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestS3NoCredentials(t *testing.T) {
	for _, v := range []string{"AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_PROFILE"} {
		t.Setenv(v, "")
	}
	t.Setenv("AWS_EC2_METADATA_DISABLED", "true")
	t.Setenv("AWS_CONFIG_FILE", "/dev/null")
	t.Setenv("AWS_SHARED_CREDENTIALS_FILE", "/dev/null")
	_, err := s3.Open(t.Context(), s3.Config{Bucket: s3Bucket, Region: s3Region, Endpoint: "http://127.0.0.1:1"})
	mustBe(t, err, objectstore.ErrPermanent)
}

func TestS3MissingBucket(t *testing.T) {
	t.Parallel()
	g := startVersitygw(t)
	cfg := g.config()
	cfg.Bucket = "nowhere"
	missingBucket(t, g.open(t, cfg), "nowhere")
}

func TestS3Unreachable(t *testing.T) {
	t.Parallel()
	g := startVersitygw(t)
	cfg := g.config()
	cfg.Endpoint = "http://127.0.0.1:1" // nobody listens on tcpmux
	unreachable(t, g.open(t, cfg))
}

// TestS3WithoutConditions: a proxy that drops the conditional headers, like a server
// that doesn't know them, is found out.
func TestS3WithoutConditions(t *testing.T) {
	t.Parallel()
	g := startVersitygw(t)
	s := g.open(t, g.config())
	for name, drop := range map[string]string{"IfNoneMatch": "If-None-Match", "IfMatch": "If-Match"} {
		t.Run(name, func(t *testing.T) {
			g.misbehave(func(w http.ResponseWriter, r *http.Request, forward http.HandlerFunc) {
				r.Header.Del(drop)
				sign(t, r)
				forward(w, r)
			})
			err := objectstore.Probe(t.Context(), s)
			if !errors.Is(err, objectstore.ErrNoConditionalWrites) {
				t.Fatalf("probe: %v", err)
			}
		})
	}
	t.Run("NotImplemented", func(t *testing.T) {
		g.misbehave(func(w http.ResponseWriter, r *http.Request, forward http.HandlerFunc) {
			if r.Method == http.MethodPut && r.Header.Get("If-None-Match") != "" {
				s3Error(501, "NotImplemented")(w, r, forward)
				return
			}
			forward(w, r)
		})
		if err := objectstore.Probe(t.Context(), s); !errors.Is(err, objectstore.ErrNoConditionalWrites) {
			t.Fatalf("probe: %v", err)
		}
	})
	g.misbehave(nil)
	page, err := s.List(t.Context(), "", "", 0)
	if err != nil || len(page.Objects) != 0 {
		t.Fatalf("the probes left %+v, %v", page.Objects, err)
	}
}

// sign signs a request anew after a header was dropped: all of them are signed.
func sign(t *testing.T, r *http.Request) {
	t.Helper()
	c, err := s3Credentials.Retrieve(context.Background())
	if err != nil {
		t.Error(err)
		return
	}
	r.Header.Del("Authorization")
	u := *r.URL
	u.Scheme, u.Host = "http", r.Host
	out := r.Clone(r.Context())
	out.URL = &u
	err = v4.NewSigner(func(o *v4.SignerOptions) { o.DisableURIPathEscaping = true }).
		SignHTTP(r.Context(), c, out, r.Header.Get("X-Amz-Content-Sha256"), "s3", s3Region, time.Now())
	if err != nil {
		t.Error(err)
	}
	r.Header = out.Header
}

// TestS3Wire: the configured headers and the prefix are on the wire, where they
// belong and nowhere else. The server isn't asked: versitygw knows no KMS.
func TestS3Wire(t *testing.T) {
	t.Parallel()
	ok := func(w http.ResponseWriter, r *http.Request, _ http.HandlerFunc) {
		w.Header().Set("ETag", `"e"`)
	}
	for _, c := range []struct {
		name   string
		change func(*s3.Config)
		want   map[string]string
	}{
		{"Plain", func(*s3.Config) {}, map[string]string{"X-Amz-Storage-Class": "", "X-Amz-Server-Side-Encryption": "", "X-Amz-Server-Side-Encryption-Aws-Kms-Key-Id": ""}},
		{"Class", func(c *s3.Config) { c.Class = "STANDARD_IA" }, map[string]string{"X-Amz-Storage-Class": "STANDARD_IA", "X-Amz-Server-Side-Encryption": ""}},
		{"KMS", func(c *s3.Config) { c.KMS = true }, map[string]string{"X-Amz-Server-Side-Encryption": "aws:kms", "X-Amz-Server-Side-Encryption-Aws-Kms-Key-Id": ""}},
		{"KMSKey", func(c *s3.Config) { c.KMS, c.KMSKeyID = true, "alias/netsy" }, map[string]string{"X-Amz-Server-Side-Encryption": "aws:kms", "X-Amz-Server-Side-Encryption-Aws-Kms-Key-Id": "alias/netsy"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			p := newProxy(t, "http://127.0.0.1:1", "")
			p.misbehave(ok)
			cfg := (&gateway{proxy: p}).config()
			cfg.Prefix = "clusters/prod/"
			c.change(&cfg)
			s, err := s3.Open(t.Context(), cfg)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := s.Put(t.Context(), "chunks/1", []byte("x"), objectstore.IfAbsent()); err != nil {
				t.Fatal(err)
			}
			if _, err := s.PutStream(t.Context(), "chunks/1", strings.NewReader("x"), 1, objectstore.IfMatch(`"v"`)); err != nil {
				t.Fatal(err)
			}
			requests := p.take()
			if len(requests) != 2 || requests[0].Header.Get("If-None-Match") != "*" || requests[1].Header.Get("If-Match") != `"v"` {
				t.Fatalf("requests %+v", requests)
			}
			for _, r := range requests {
				if r.URL.Path != "/netsy/clusters/prod/chunks/1" {
					t.Errorf("path %s", r.URL.Path)
				}
				for h, want := range c.want {
					if got := r.Header.Get(h); got != want {
						t.Errorf("%s: %q, expected %q", h, got, want)
					}
				}
			}
		})
	}
}
