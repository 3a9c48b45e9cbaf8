package s3

import (
	"errors"
	"testing"

	"github.com/netsy-io/netsy/pkg/objectstore"
)

// certain are the statuses after which a write certainly did nothing, whatever
// code comes with them.
var certain = map[int]error{
	301: objectstore.ErrPermanent, 307: objectstore.ErrPermanent, 400: objectstore.ErrPermanent, 401: objectstore.ErrPermanent, 403: objectstore.ErrPermanent,
	405: objectstore.ErrPermanent, 409: objectstore.ErrUnavailable, 411: objectstore.ErrPermanent, 412: objectstore.ErrPreconditionFailed,
	413: objectstore.ErrPermanent, 416: objectstore.ErrPermanent, 429: objectstore.ErrUnavailable, 501: objectstore.ErrPermanent,
}

// TestEveryStatus goes through all statuses, for a write and for a read.
func TestEveryStatus(t *testing.T) {
	for status := 200; status < 600; status++ {
		if status == 404 {
			continue // TestNotFound
		}
		put := kindOf(request{op: "put", write: true, cond: objectstore.IfAbsent()}, answer{status: status})
		get := kindOf(request{op: "get"}, answer{status: status})
		want, ok := certain[status]
		switch {
		case ok && (put != want || get != want):
			t.Errorf("%d: put %v, get %v, expected %v", status, put, get, want)
		case !ok && (status >= 500 || status == 408 || status < 300) && (put != objectstore.ErrUnknownOutcome || get != objectstore.ErrUnavailable):
			t.Errorf("%d: put %v, get %v", status, put, get)
		case !ok && status >= 300 && status < 500 && status != 408 && (put != objectstore.ErrPermanent || get != objectstore.ErrPermanent):
			t.Errorf("%d: put %v, get %v", status, put, get)
		}
	}
}

func TestNotFound(t *testing.T) {
	match := objectstore.IfMatch("v")
	for _, c := range []struct {
		r    request
		code string
		want error
	}{
		{request{op: "get"}, "NoSuchKey", objectstore.ErrNotFound},
		{request{op: "stat"}, "NotFound", objectstore.ErrNotFound},
		{request{op: "get"}, "NoSuchBucket", objectstore.ErrPermanent},
		{request{op: "get"}, "NoSuchUser", objectstore.ErrPermanent},
		{request{op: "list"}, "", objectstore.ErrPermanent},
		{request{op: "put", write: true}, "NoSuchKey", objectstore.ErrPermanent},
		{request{op: "put", write: true, cond: match}, "NoSuchKey", objectstore.ErrPreconditionFailed},
		{request{op: "put", write: true, cond: match}, "NoSuchBucket", objectstore.ErrPermanent},
		{request{op: "delete", write: true}, "NoSuchKey", objectstore.ErrNotFound},
		{request{op: "delete", write: true, cond: match}, "NoSuchKey", objectstore.ErrPreconditionFailed},
	} {
		if got := kindOf(c.r, answer{404, c.code}); got != c.want {
			t.Errorf("%+v %s: %v, expected %v", c.r, c.code, got, c.want)
		}
	}
}

func TestCodes(t *testing.T) {
	w := request{op: "put", write: true}
	for _, a := range []answer{{503, "SlowDown"}, {503, "TooManyRequests"}, {409, "ConditionalRequestConflict"}, {409, "OperationAborted"}, {400, "RequestTimeout"},
		{400, "BadDigest"}, {400, "IncompleteBody"}, {403, "RequestTimeTooSkewed"}, {400, "ExpiredToken"}} {
		if got := kindOf(w, a); got != objectstore.ErrUnavailable {
			t.Errorf("%+v: %v", a, got)
		}
	}
	for _, a := range []answer{{503, "ServiceUnavailable"}, {503, ""}, {500, "InternalError"}} {
		if got := kindOf(w, a); got != objectstore.ErrUnknownOutcome {
			t.Errorf("%+v: %v", a, got)
		}
	}
}

// TestHintsKeepTheCause: whatever is added, the SDK's error stays reachable.
func TestHintsKeepTheCause(t *testing.T) {
	cause := errors.New("cause")
	for _, a := range []answer{{416, ""}, {501, ""}, {404, "NoSuchBucket"}, {403, "AccessDenied"}, {301, ""}, {500, ""}} {
		if err := (&Store{}).hint(request{}, a, cause); !errors.Is(err, cause) {
			t.Errorf("%+v: %v", a, err)
		}
	}
	if !errors.Is((&Store{}).hint(request{}, answer{501, ""}, cause), errors.ErrUnsupported) {
		t.Error("501 isn't unsupported")
	}
}

func FuzzTotalSize(f *testing.F) {
	for _, s := range []string{"bytes 0-9/100", "bytes */0", "bytes 0-9/*", "", "/", "bytes 0-9/-1"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		if n, err := totalSize(s); err == nil && n < 0 {
			t.Fatalf("%q: %d", s, n)
		}
	})
}
