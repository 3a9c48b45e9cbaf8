package attempt

import (
	"context"
	"errors"
	"io"
	"net/http/httptrace"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/netsy-io/netsy/pkg/objectstore"
)

// TestUnanswered: only a write that got as far as a connection may have happened.
func TestUnanswered(t *testing.T) {
	for _, c := range []struct {
		write, sent bool
		want        error
	}{
		{false, false, objectstore.ErrUnavailable},
		{false, true, objectstore.ErrUnavailable},
		{true, false, objectstore.ErrUnavailable},
		{true, true, objectstore.ErrUnknownOutcome},
	} {
		a := Begin(t.Context(), time.Hour)
		if c.sent {
			httptrace.ContextClientTrace(a.Context()).GotConn(httptrace.GotConnInfo{})
		}
		if got := a.Unanswered(c.write); got != c.want {
			t.Errorf("%+v: %v", c, got)
		}
		a.Close()
	}
}

func TestTimeout(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		start := time.Now()
		a := Begin(t.Context(), Timeout(10*time.Second, 5<<20))
		defer a.Close()
		<-a.Context().Done()
		if d := time.Since(start); d != 15*time.Second || !errors.Is(context.Cause(a.Context()), ErrTimeout) {
			t.Fatalf("ended after %v: %v", d, context.Cause(a.Context()))
		}
		if err := a.Explain(io.ErrUnexpectedEOF); !errors.Is(err, ErrTimeout) || !errors.Is(err, io.ErrUnexpectedEOF) {
			t.Fatal(err)
		}
	})
}

// stalled is a body that gives some bytes and then nothing until its request ends.
type stalled struct {
	ctx  context.Context
	data *strings.Reader
}

func (s *stalled) Read(p []byte) (int, error) {
	if s.data.Len() > 0 {
		return s.data.Read(p)
	}
	<-s.ctx.Done()
	return 0, s.ctx.Err()
}

func (s *stalled) Close() error { return nil }

// TestBody: a slow reader is left alone, a server that stops sending isn't.
func TestBody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := Begin(t.Context(), 10*time.Second)
		body := a.Body("k", &stalled{a.Context(), strings.NewReader("12")})
		for range 2 {
			time.Sleep(time.Hour)
			if n, err := body.Read(make([]byte, 1)); n != 1 || err != nil {
				t.Fatal(n, err)
			}
		}
		start := time.Now()
		_, err := body.Read(make([]byte, 1))
		if time.Since(start) != 10*time.Second || !errors.Is(err, ErrTimeout) || !errors.Is(err, objectstore.ErrUnavailable) {
			t.Fatalf("after %v: %v", time.Since(start), err)
		}
		body.Close()
	})
}

func TestCheckSize(t *testing.T) {
	r := strings.NewReader("12345")
	_, _ = r.Seek(2, io.SeekStart)
	if err := CheckSize(r, 5); err != nil || r.Len() != 5 {
		t.Fatal(err, r.Len())
	}
	if CheckSize(r, 4) == nil || CheckSize(r, 6) == nil {
		t.Fatal("a wrong size was accepted")
	}
}
