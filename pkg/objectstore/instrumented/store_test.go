package instrumented_test

import (
	"maps"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/netsy-io/netsy/pkg/objectstore"
	"github.com/netsy-io/netsy/pkg/objectstore/instrumented"
	"github.com/netsy-io/netsy/pkg/objectstore/memstore"
	"github.com/netsy-io/netsy/pkg/objectstore/storetest"
)

func TestConformance(t *testing.T) {
	storetest.RunWith(t, storetest.Options{Rounds: 5}, func(*testing.T) objectstore.Store {
		return instrumented.Wrap(memstore.New(nil), instrumented.NewMetrics(nil))
	})
}

func TestCounts(t *testing.T) {
	ctx, reg := t.Context(), prometheus.NewRegistry()
	m := instrumented.NewMetrics(reg)
	s := instrumented.Wrap(memstore.New(nil), m)
	for range 2 {
		_, _ = s.Put(ctx, "k", []byte("12345"), objectstore.IfAbsent())
	}
	if _, _, err := objectstore.ReadAll(ctx, s, "k", 10); err != nil {
		t.Fatal(err)
	}
	_, _ = s.Get(ctx, "missing")
	_, _ = s.Stat(ctx, "")
	want := map[string]float64{
		"bytes get": 5, "bytes put": 5,
		"operations get not_found": 1, "operations get ok": 1, "operations put ok": 1, "operations put precondition_failed": 1, "operations stat permanent": 1,
		"duration get": 2, "duration put": 2, "duration stat": 1,
	}
	if got := gather(t, reg); !maps.Equal(got, want) {
		t.Fatalf("metrics are %v, expected %v", got, want)
	}
}

// gather reads counters, and of histograms how often they were observed.
func gather(t *testing.T, reg *prometheus.Registry) map[string]float64 {
	t.Helper()
	families, err := reg.Gather()
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]float64{}
	for _, f := range families {
		for _, m := range f.GetMetric() {
			name := strings.Split(f.GetName(), "_")[2] // netsy_objectstore_…
			if name == "operation" {
				name = "duration"
			}
			for _, l := range m.GetLabel() {
				name += " " + l.GetValue()
			}
			got[name] = m.GetCounter().GetValue() + float64(m.GetHistogram().GetSampleCount())
		}
	}
	return got
}
