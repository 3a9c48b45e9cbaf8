package gcs

import (
	"testing"

	"github.com/netsy-io/netsy/pkg/objectstore"
)

// TestEveryStatus goes through all statuses, for a write and for a read.
func TestEveryStatus(t *testing.T) {
	for status := 200; status < 600; status++ {
		put := kindOf(request{op: "put", write: true, cond: objectstore.IfAbsent()}, answer{status: status})
		get := kindOf(request{op: "get"}, answer{status: status})
		wantPut, wantGet := objectstore.ErrPermanent, objectstore.ErrPermanent
		switch {
		case status == 412, status == 304:
			wantPut, wantGet = objectstore.ErrPreconditionFailed, objectstore.ErrPreconditionFailed
		case status == 404:
			wantGet = objectstore.ErrNotFound
		case status == 429, status == 409:
			wantPut, wantGet = objectstore.ErrUnavailable, objectstore.ErrUnavailable
		case status == 501:
		case status >= 500, status == 408, status < 300:
			wantPut, wantGet = objectstore.ErrUnknownOutcome, objectstore.ErrUnavailable
		}
		if put != wantPut || get != wantGet {
			t.Errorf("%d: put %v, get %v, expected %v, %v", status, put, get, wantPut, wantGet)
		}
	}
}

func TestAnswers(t *testing.T) {
	del := request{op: "delete", write: true}
	delMatch := request{op: "delete", write: true, cond: objectstore.IfMatch("5")}
	for _, c := range []struct {
		r    request
		ans  answer
		want error
	}{
		{del, answer{403, "rateLimitExceeded"}, objectstore.ErrUnavailable},
		{del, answer{403, "userRateLimitExceeded"}, objectstore.ErrUnavailable},
		{del, answer{403, "forbidden"}, objectstore.ErrPermanent},
		{del, answer{404, "No such object"}, objectstore.ErrNotFound},
		{delMatch, answer{404, "No such object"}, objectstore.ErrPreconditionFailed},
		{delMatch, answer{404, "The specified bucket does not exist."}, objectstore.ErrPermanent},
		{request{op: "get"}, answer{404, "The specified bucket does not exist."}, objectstore.ErrPermanent},
		{request{op: "list", list: true}, answer{404, ""}, objectstore.ErrPermanent},
	} {
		if got := kindOf(c.r, c.ans); got != c.want {
			t.Errorf("%+v %+v: %v, expected %v", c.r, c.ans, got, c.want)
		}
	}
}

func FuzzParseVersion(f *testing.F) {
	for _, s := range []string{"1", "0", "-1", "", "1e3", "01", "9223372036854775808"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		g, err := parseVersion(objectstore.Version(s))
		if err == nil && g <= 0 { // 0 would mean "if absent"
			t.Fatalf("%q is %d", s, g)
		}
	})
}
