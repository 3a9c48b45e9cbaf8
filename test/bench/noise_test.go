package main

import (
	"strings"
	"testing"
)

func TestNoise(t *testing.T) {
	noops := func(rates ...float64) *result {
		r := &result{Target: noopName}
		for _, v := range rates {
			r.Samples = append(r.Samples, sample{Rate: v})
		}
		return r
	}
	for name, c := range map[string]struct {
		rs        []*result
		disturbed bool
		ceiling   float64
		says      string
	}{
		"quiet":             {[]*result{noops(100, 90, 100)}, false, 100.0 / 90, "1.11 ×"},
		"a varying ceiling": {[]*result{noops(100, 70)}, true, 100.0 / 70, "1.43 ×"},
		"others at work":    {[]*result{noops(100), {Target: "etcd", Samples: []sample{{}, {Others: 0.2}}}}, true, 1, "20 % of the processors (etcd, round 2)"},
		"a hypervisor":      {[]*result{{Target: "etcd", Samples: []sample{{Stolen: 0.1}}}}, true, 0, "up to 10 %"},
		"no noop":           {[]*result{{Target: "etcd", Samples: []sample{{Rate: 1}, {Rate: 100}}}}, false, 0, "at most 0 %"},
	} {
		n := noiseOf(c.rs)
		if n.disturbed() != c.disturbed || n.ceiling != c.ceiling || !strings.Contains(n.String(), c.says) || strings.Contains(n.String(), "DISTURBED") != c.disturbed {
			t.Errorf("%s: %+v: %v", name, n, n)
		}
	}
}

func TestVerdictNamesDisturbedLoads(t *testing.T) {
	var out strings.Builder
	r := &results{Machine: machine{Dir: t.TempDir()}, Loads: []*result{
		{Shape: "create", Clients: 1, Target: noopName, Samples: []sample{{Rate: 1}, {Rate: 1}}}, {Shape: "create", Clients: 1, Target: "netsy"},
		{Shape: "get", Clients: 64, Target: noopName, Samples: []sample{{Rate: 1}, {Rate: 2}}}, {Shape: "get", Clients: 64, Target: "netsy"},
	}}
	r.verdict(&out)
	if s := out.String(); !strings.Contains(s, "the worst of 2 loads: DISTURBED") || !strings.Contains(s, "1 loads were disturbed") || !strings.Contains(s, "get with 64") {
		t.Error(s)
	}
}

func TestMachineTime(t *testing.T) {
	m, err := parseMachineTime([]byte("cpu  10 20 30 40 50 60 70 80 90 100\ncpu0 1 1 1 1\n"))
	if want := (machineTime{busy: 190 * tick, stolen: 80 * tick}); err != nil || m != want {
		t.Errorf("%v, %v, want %v", m, err, want)
	}
	if _, err := parseMachineTime([]byte("intr 1")); err == nil {
		t.Error("any page is taken")
	}
}
