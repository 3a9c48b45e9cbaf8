package objectlog

import (
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
)

func TestMetrics(t *testing.T) {
	reg := prometheus.NewRegistry()
	l := New(newSpy(), Options{Metrics: NewMetrics(reg)})
	if _, err := l.NewWriter(1, "node-a", 1).Append(t.Context(), run(1, 1, 1)); err != nil {
		t.Fatal(err)
	}
	if _, err := l.Read(t.Context(), 0, func(Chunk) error { return nil }); err != nil {
		t.Fatal(err)
	}
	families, err := reg.Gather()
	if err != nil {
		t.Fatal(err)
	}
	counts := map[string]float64{}
	for _, f := range families {
		if !strings.HasPrefix(f.GetName(), "netsy_objectlog_") || f.GetHelp() == "" {
			t.Errorf("%v", f)
		}
		counts[f.GetName()] = f.GetMetric()[0].GetCounter().GetValue()
	}
	for _, name := range []string{"netsy_objectlog_chunks_appended_total", "netsy_objectlog_chunks_read_total"} {
		if counts[name] != 1 {
			t.Errorf("%s is %v, of %v", name, counts[name], counts)
		}
	}
}
