package daemon

import (
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/netsy-io/netsy/pkg/config"
	"github.com/netsy-io/netsy/pkg/elector"
	pb "github.com/netsy-io/netsy/pkg/netsypb/peerpb"
	"github.com/netsy-io/netsy/pkg/objectstore"
	"github.com/netsy-io/netsy/pkg/objectstore/instrumented"
	"github.com/netsy-io/netsy/pkg/objectstore/memstore"
	"github.com/netsy-io/netsy/pkg/peerapi"
	"github.com/netsy-io/netsy/pkg/registry"
)

// An elector whose cluster can't begin works, and isn't ready, and says why.
func TestElectorReadiness(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := memstore.New(time.Now)
		if _, err := store.Put(t.Context(), registry.MembersKey, nil, objectstore.Always()); err != nil {
			t.Fatal(err)
		}
		e, err := elector.New(elector.Options{Store: store, ClusterID: "c", LeaderID: "e", Dialer: peerapi.Dialer{}})
		if err != nil {
			t.Fatal(err)
		}
		d := &process{Process: &config.Process{NodeID: "e"}, metrics: prometheus.NewRegistry(), reach: &instrumented.Reach{}}
		h := d.electorHealth(e)
		expect := func(path string, code int, says string) {
			t.Helper()
			w := httptest.NewRecorder()
			h.ServeHTTP(w, httptest.NewRequest(http.MethodGet, path, nil))
			if w.Code != code || !strings.Contains(w.Body.String(), says) || w.Header().Get("Content-Type") != "application/json" {
				t.Errorf("%s: %d, %s", path, w.Code, w.Body)
			}
		}
		expect("/readyz", http.StatusOK, `"ok":true`)
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error)
		go func() { done <- e.Run(ctx) }()
		time.Sleep(time.Minute)
		expect("/healthz", http.StatusOK, `"ok":true`)
		expect("/readyz", http.StatusServiceUnavailable, `"code":"origin_refused","reason":"origin: cluster.json is missing`)
		if err := store.Delete(t.Context(), registry.MembersKey, objectstore.Always()); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Minute)
		expect("/readyz", http.StatusOK, `"in_office":true`)
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
}

// TestElectorInWaitingAsks: an elector in waiting asks the one in office whether it is there. One that
// looks at the lock instead costs 24 requests to object storage a minute.
func TestElectorInWaitingAsks(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	inOffice, _ := w.runningNodes(t)
	inOffice.untilServed(t, pb.Election_ListMembers_FullMethodName)
}

// untilServed waits until the process has answered a call of method without an error.
func (r *running) untilServed(t *testing.T, method string) {
	t.Helper()
	r.until(t, "served "+method, func(map[string]int) bool {
		for _, m := range r.series(t, "grpc_server_handled_total") {
			labels := map[string]string{}
			for _, l := range m.Label {
				labels[l.GetName()] = l.GetValue()
			}
			if "/"+labels["grpc_service"]+"/"+labels["grpc_method"] == method && labels["grpc_code"] == "OK" && m.Counter.GetValue() > 0 {
				return true
			}
		}
		return false
	})
}
