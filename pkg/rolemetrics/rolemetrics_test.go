package rolemetrics_test

import (
	"slices"
	"testing"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/netsy-io/netsy/pkg/rolemetrics"
)

// shown are the names of what a scrape would see.
func shown(t *testing.T, reg *prometheus.Registry) []string {
	t.Helper()
	families, err := reg.Gather()
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, f := range families {
		names = append(names, f.GetName())
	}
	return names
}

func counter(name string) prometheus.Counter {
	return prometheus.NewCounter(prometheus.CounterOpts{Name: name, Help: name})
}

func TestShownWhileHeld(t *testing.T) {
	reg := prometheus.NewPedanticRegistry()
	role := rolemetrics.New(reg)
	inner := rolemetrics.New(role)
	always, outer, both := counter("always"), counter("outer"), counter("both")
	reg.MustRegister(always)
	role.MustRegister(outer)
	inner.MustRegister(both)
	expect := func(want ...string) {
		t.Helper()
		if got := shown(t, reg); !slices.Equal(got, want) {
			t.Errorf("%q are shown instead of %q", got, want)
		}
	}
	expect("always")
	inner.Enter()
	expect("always")
	role.Enter()
	expect("always", "both", "outer")
	inner.Leave()
	expect("always", "outer")
	role.Enter() // twice
	role.Leave()
	expect("always", "outer")
	role.Leave()
	expect("always")
}

// A counter goes on where it stopped: its rate is 0 over the time without the role.
func TestCountersKeepTheirValues(t *testing.T) {
	reg := prometheus.NewRegistry()
	role := rolemetrics.New(reg)
	c := counter("c")
	role.MustRegister(c)
	role.Enter()
	c.Add(3)
	role.Leave()
	role.Enter()
	c.Inc()
	families, err := reg.Gather()
	if err != nil || len(families) != 1 {
		t.Fatal(families, err)
	}
	if got := families[0].Metric[0].GetCounter().GetValue(); got != 4 {
		t.Errorf("the counter shows %v", got)
	}
}

func TestRegistering(t *testing.T) {
	reg := prometheus.NewRegistry()
	role := rolemetrics.New(reg)
	role.MustRegister(counter("c"))
	if err := role.Register(counter("c")); err == nil {
		t.Error("two counters of one name were registered")
	}
	if !role.Unregister(counter("c")) || role.Unregister(counter("c")) {
		t.Error("a counter can be unregistered once")
	}
	rolemetrics.New(nil).MustRegister(counter("c"), counter("c")) // exported by nobody
	defer func() {
		if recover() == nil {
			t.Error("a role that wasn't entered was left")
		}
	}()
	role.Leave()
}
