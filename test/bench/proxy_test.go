package main

import (
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

// TestCounterPassesWhatIsSigned: host, path, query and body must arrive as they were sent, and
// each request is counted once, refused ones too.
func TestCounterPassesWhatIsSigned(t *testing.T) {
	var got []string
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		b, _ := io.ReadAll(r.Body)
		got = append(got, r.Method+" "+r.Host+r.URL.String()+" "+string(b)+" "+r.Header.Get("If-None-Match"))
		w.WriteHeader(http.StatusPreconditionFailed)
	}))
	defer server.Close()
	c, err := counterBefore(&gateway{url: server.URL})
	if err != nil {
		t.Fatal(err)
	}
	defer c.close()
	defer http.DefaultClient.CloseIdleConnections()
	host := strings.TrimPrefix(c.url, "http://")
	var want []string
	for _, request := range []string{"PUT /b/k%20a?x-id=PutObject", "GET /b?list-type=2&prefix=a%2Fb", "GET /b/k", "PUT /b/k"} {
		method, url, _ := strings.Cut(request, " ")
		req, err := http.NewRequestWithContext(t.Context(), method, c.url+url, strings.NewReader("body"))
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("If-None-Match", "*")
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		if resp.StatusCode != http.StatusPreconditionFailed {
			t.Errorf("%s: %s", request, resp.Status)
		}
		want = append(want, method+" "+host+url+" body *")
	}
	if g, w := strings.Join(got, "\n"), strings.Join(want, "\n"); g != w {
		t.Errorf("what arrived:\n%s\nwhat was sent:\n%s", g, w)
	}
	if counts := c.counts(); !maps.Equal(counts, map[string]int{"put": 2, "list": 1, "get": 1}) {
		t.Errorf("%v", counts)
	}
}
