package primary

import (
	"errors"
	"fmt"
	"regexp"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/netsy-io/netsy/pkg/registry"
)

// values are what a registry shows: name, or name/label, to value.
func values(t *testing.T, reg *prometheus.Registry) map[string]float64 {
	t.Helper()
	families, err := reg.Gather()
	if err != nil {
		t.Fatal(err)
	}
	out := map[string]float64{}
	for _, f := range families {
		for _, m := range f.Metric {
			key := f.GetName()
			for _, l := range m.Label {
				key += "/" + l.GetValue()
			}
			switch {
			case m.Gauge != nil:
				out[key] = m.Gauge.GetValue()
			case m.Counter != nil:
				out[key] = m.Counter.GetValue()
			}
		}
	}
	return out
}

// A reign that begins shows nothing of the one before.
func TestGaugesBeginAnew(t *testing.T) {
	reg := prometheus.NewRegistry()
	m := NewMetrics(reg)
	voters := []registry.NodeRef{{NodeID: "a"}, {NodeID: "b"}}
	m.quorum.Set(1)
	m.compactionBlocked.Set(99)
	m.noteUnlogged(7, time.Now().Add(-time.Minute))
	if v := values(t, reg); v["netsy_primary_unlogged_bytes"] != 7 || v["netsy_primary_unlogged_oldest_age_seconds"] < 60 || v["netsy_primary_unlogged_oldest_age_seconds"] > 600 {
		t.Errorf("%v", v)
	}
	m.begin(5, registry.Durability{Mode: registry.ModeQuorum, Voters: voters})
	v := values(t, reg)
	for name, want := range map[string]float64{
		"netsy_primary_epoch": 5, "netsy_primary_quorum_mode": 0, "netsy_primary_voters": 2, "netsy_primary_unlogged_bytes": 0,
		"netsy_primary_unlogged_oldest_age_seconds": 0, "netsy_primary_compaction_blocked_since_timestamp_seconds": 0,
	} {
		if got, there := v[name]; !there || got != want {
			t.Errorf("%s is %v (%v), want %v", name, got, there, want)
		}
	}
	m.begin(6, registry.Durability{Mode: registry.ModeObjectStorage, Voters: voters})
	if v := values(t, reg); v["netsy_primary_voters"] != 0 {
		t.Errorf("%v voters while commits go through object storage", v["netsy_primary_voters"])
	}
}

// Each reason that a label may have is there from the start, with 0.
func TestReasonsAreShown(t *testing.T) {
	reg := prometheus.NewRegistry()
	m := NewMetrics(reg)
	v := values(t, reg)
	seen := map[string]bool{}
	for _, w := range fallbacks {
		r := w.reason()
		if got, there := v["netsy_primary_quorum_fallbacks_total/"+r]; !there || got != 0 || seen[r] || !regexp.MustCompile(`^[a-z_]+$`).MatchString(r) {
			t.Errorf("%q is %q", w, r)
		}
		seen[r] = true
	}
	for _, r := range refusedWith {
		if err := m.refuse(r.err); !errors.Is(err, r.err) {
			t.Error(err)
		}
		if got := values(t, reg)["netsy_primary_refused_writes_total/"+r.reason]; got != 1 {
			t.Errorf("%s: %v", r.reason, got)
		}
	}
	if err := fmt.Errorf("other"); m.refuse(err) != err {
		t.Error("refuse must return what it is given")
	}
}

func TestAgeOf(t *testing.T) {
	now := time.Unix(100, 0)
	for at, want := range map[int64]float64{0: 0, 98_500_000_000: 1.5, 100_000_000_000: 0, 101_000_000_000: 0} {
		if got := ageOf(at, now); got != want {
			t.Errorf("%d: %v, want %v", at, got, want)
		}
	}
}
