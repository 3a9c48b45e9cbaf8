package cost

import (
	"context"
	"math"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/netsy-io/netsy/pkg/bucket/buckettest"
	"github.com/netsy-io/netsy/pkg/objectstore"
	"github.com/netsy-io/netsy/pkg/objectstore/instrumented"
	"github.com/netsy-io/netsy/pkg/objectstore/memstore"
)

// What a real process's counters say is what was asked of the store.
func TestScrape(t *testing.T) {
	reg := prometheus.NewRegistry()
	reg.MustRegister(collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	st := instrumented.Wrap(memstore.New(nil), instrumented.NewMetrics(reg))
	srv := httptest.NewServer(promhttp.HandlerFor(reg, promhttp.HandlerOpts{}))
	defer srv.Close()
	ask := func() {
		_, err := st.Put(t.Context(), "k", []byte("12345"), objectstore.Always())
		if err != nil {
			t.Fatal(err)
		}
		_, _ = st.Get(t.Context(), "absent")
		if _, _, err := objectstore.ReadAll(t.Context(), st, "k", 10); err != nil {
			t.Fatal(err)
		}
		_, _ = st.List(t.Context(), "", "", 10)
	}
	ask()
	a, err := Scrape(t.Context(), srv.URL)
	if err != nil {
		t.Fatal(err)
	}
	ask()
	ask()
	b, err := Scrape(t.Context(), srv.URL)
	if err != nil {
		t.Fatal(err)
	}
	m := Between(a, b)
	if m.Requests["put"] != 2 || m.Requests["get"] != 4 || m.Requests["list"] != 2 || m.Bytes["put"] != 10 || m.Bytes["get"] != 10 || m.Restarted || m.Seconds <= 0 {
		t.Errorf("%+v", m)
	}
	if all := SinceStart(b); all.Requests["get"] != 6 || all.Seconds <= 0 {
		t.Errorf("%+v", all)
	}
	other := httptest.NewServer(promhttp.HandlerFor(prometheus.NewRegistry(), promhttp.HandlerOpts{}))
	defer other.Close()
	for _, url := range []string{other.URL, srv.URL + "x://", "http://127.0.0.1:1/metrics"} {
		if s, err := Scrape(t.Context(), url); err == nil {
			t.Errorf("%s: %+v", url, s)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := Scrape(ctx, srv.URL); err == nil {
		t.Error("scraped after the end")
	}
}

// A process that began anew has done what its counters say, and no less than nothing.
func TestBetweenRestarts(t *testing.T) {
	at := time.Unix(1000, 0)
	a := &Sample{Counts{map[string]float64{"get": 100}, nil}, at, at.Add(-time.Hour)}
	b := &Sample{Counts{map[string]float64{"get": 7}, map[string]float64{"get": 70}}, at.Add(time.Minute), at.Add(30 * time.Second)}
	if m := Between(a, b); !m.Restarted || m.Requests["get"] != 7 || m.Bytes["get"] != 70 || m.Seconds != 60 {
		t.Errorf("%+v", m)
	}
	b.Started = a.Started
	if m := Between(a, b); m.Restarted || m.Requests["get"] != 0 {
		t.Errorf("%+v", m)
	}
}

func TestReckon(t *testing.T) {
	p := Prices{PutPer1000: 5, ListPer1000: 7, GetPer1000: 1, DeletePer1000: 0.5, StorageGBMonth: 2, ReadGB: 3}
	did := []Measured{
		{Counts{map[string]float64{"put": 10, "get": 4, "stat": 2, "delete": 1, "list": 3, "copy": 1}, map[string]float64{"get": gb / 73, "put": 99}}, 3600, false},
		{Counts{map[string]float64{"put": 1}, nil}, 360, false}, // ten times as fast as its one request looks
		{Counts{map[string]float64{"put": 1000}, nil}, 0, false},
	}
	e := Reckon(did, []Stored{{Kind: "chunks", Objects: 2, Bytes: gb / 2}, {Kind: "snapshots", Bytes: gb}}, p)
	want := map[string]Operation{
		"put":    {"put", "put", 11, 14600, 73},
		"get":    {"get", "get", 4, 2920, 2.92},
		"stat":   {"stat", "get", 2, 1460, 1.46},
		"delete": {"delete", "delete", 1, 730, 0.365},
		"list":   {"list", "list", 3, 2190, 15.33},
		"copy":   {"copy", "put", 1, 730, 3.65},
	}
	total := 0.0
	for _, o := range e.Operations {
		w := want[o.Operation]
		if o.Class != w.Class || !near(o.Measured, w.Measured) || !near(o.Month, w.Month) || !near(o.Cost, w.Cost) {
			t.Errorf("%+v, want %+v", o, w)
		}
		total += o.Cost
	}
	if len(e.Operations) != len(want) || !near(e.Requests, total) || !near(e.Storage, 3) || !near(e.ReadCost, 30) || !near(e.Total, total+33) || e.WrittenBytes != 99 {
		t.Errorf("%+v", e)
	}
	if e := Reckon(nil, nil, p); len(e.Operations) != 0 || e.Total != 0 {
		t.Errorf("%+v", e)
	}
}

func near(a, b float64) bool { return math.Abs(a-b) < 1e-6*max(1, math.Abs(b)) }

func TestPrices(t *testing.T) {
	p, err := ParsePrices([]byte(`{"put_per_1000": 1, "read_gb": 0.09}`), Examples)
	if err != nil || p.PutPer1000 != 1 || p.ReadGB != 0.09 || p.StorageGBMonth != Examples.StorageGBMonth {
		t.Error(p, err)
	}
	for _, bad := range []string{`{"put": 1}`, `{"put_per_1000": -1}`, `[]`, `{"put_per_1000": "1"}`, `{} {}`, ``} {
		if _, err := ParsePrices([]byte(bad), Examples); err == nil || !strings.Contains(err.Error(), "prices") {
			t.Errorf("%s: %v", bad, err)
		}
	}
}

func TestList(t *testing.T) {
	b := buckettest.Long(t)
	stored, err := List(t.Context(), b.Store)
	if err != nil {
		t.Fatal(err)
	}
	var objects int
	var bytes int64
	err = objectstore.ListAll(t.Context(), b.Store, "", "", func(o objectstore.Info) error {
		objects, bytes = objects+1, bytes+o.Size
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range stored {
		objects, bytes = objects-s.Objects, bytes-s.Bytes
	}
	if objects != 0 || bytes != 0 || stored[0].Kind != "chunks" || stored[0].Objects == 0 || stored[1].Objects == 0 {
		t.Errorf("%d objects and %d bytes are missing: %+v", objects, bytes, stored)
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte("# TYPE process_start_time_seconds gauge\nprocess_start_time_seconds 1\n# TYPE netsy_objectstore_operations_total counter\nnetsy_objectstore_operations_total{op=\"get\",result=\"ok\"} 3\n"))
	f.Fuzz(func(t *testing.T, b []byte) {
		if s, err := Parse(strings.NewReader(string(b))); (s == nil) == (err == nil) {
			t.Error(s, err)
		}
	})
}
