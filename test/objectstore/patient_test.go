package objectstoretest

import (
	"bytes"
	"errors"
	"io"
	"net/http"
	"syscall"
)

// patient sends a request again when the server closed the connection while its body
// was still being written. A server does that when it has refused the request from its
// header alone; whether its answer or the broken pipe is noticed first is a race within
// net/http, which no client that talks to the server directly would lose in this way.
type patient struct{ next http.RoundTripper }

// attempts bounds the repetitions; each one loses the race seldom.
const attempts = 20

func (p patient) RoundTrip(r *http.Request) (*http.Response, error) {
	if r.Body == nil || r.Body == http.NoBody {
		return p.next.RoundTrip(r)
	}
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return nil, err
	}
	for i := 1; ; i++ {
		again := r.Clone(r.Context())
		again.Body = io.NopCloser(bytes.NewReader(body))
		resp, err := p.next.RoundTrip(again)
		cut := errors.Is(err, syscall.EPIPE) || errors.Is(err, syscall.ECONNRESET)
		if !cut || i == attempts {
			return resp, err
		}
	}
}
