package main

import (
	"fmt"
	"io"
	"strings"
	"time"
)

// noise says how far a load's figures can be trusted: by what answers from nothing, which should
// be as fast in each round, and by what the machine did besides.
type noise struct {
	ceiling float64 // fastest round of noop divided by its slowest; 0: it wasn't measured
	others  float64 // largest share of the processors that others took in a measurement
	where   string  // which measurement that was
	stolen  float64 // largest share that the hypervisor took
}

// Beyond these a load counts as disturbed: a difference as large between servers may be
// the machine's.
const (
	ceilingBound = 1.25
	othersBound  = 0.15
	stolenBound  = 0.05
)

func noiseOf(rs []*result) (n noise) {
	low, high := 0.0, 0.0
	for _, r := range rs {
		for i, s := range r.Samples {
			if r.Target == noopName {
				if low == 0 || s.Rate < low {
					low = s.Rate
				}
				high = max(high, s.Rate)
			}
			if s.Others > n.others {
				n.others, n.where = s.Others, fmt.Sprintf("%s, round %d", r.Target, i+1)
			}
			n.stolen = max(n.stolen, s.Stolen)
		}
	}
	if low > 0 {
		n.ceiling = high / low
	}
	return n
}

func (n noise) disturbed() bool {
	return n.ceiling > ceilingBound || n.others > othersBound || n.stolen > stolenBound
}

func (n noise) String() string {
	var parts []string
	if n.disturbed() {
		parts = append(parts, "DISTURBED")
	}
	if n.ceiling > 0 {
		parts = append(parts, fmt.Sprintf("noop's fastest round is %.2f × its slowest", n.ceiling))
	}
	parts = append(parts, fmt.Sprintf("others took at most %.0f %% of the processors", 100*n.others))
	if n.where != "" {
		parts[len(parts)-1] += " (" + n.where + ")"
	}
	if n.stolen > 0.005 {
		parts = append(parts, fmt.Sprintf("the hypervisor took up to %.0f %%", 100*n.stolen))
	}
	return strings.Join(parts, "; ")
}

// verdict prints what all loads' tables are worth.
func (r *results) verdict(out io.Writer) {
	p50, p99, err := syncTimes(r.Machine.Dir)
	fmt.Fprintf(out, "\nThe run took %v. fdatasync: %v (p99 %v) before, %v (p99 %v) after", time.Since(r.Begun).Round(time.Second),
		short(r.Machine.SyncP50), short(r.Machine.SyncP99), short(p50), short(p99))
	if err != nil {
		fmt.Fprintf(out, ", %v", err)
	}
	fmt.Fprintln(out)
	worst, bad, loads := noise{}, []string(nil), r.byLoad()
	for _, rs := range loads {
		n := noiseOf(rs)
		worst.ceiling, worst.stolen = max(worst.ceiling, n.ceiling), max(worst.stolen, n.stolen)
		if n.others > worst.others {
			worst.others, worst.where = n.others, n.where
		}
		if n.disturbed() {
			bad = append(bad, fmt.Sprintf("%s with %d", rs[0].Shape, rs[0].Clients))
		}
	}
	if len(loads) == 0 {
		return
	}
	fmt.Fprintf(out, "Noise, the worst of %d loads: %v\n", len(loads), worst)
	if len(bad) > 0 {
		fmt.Fprintf(out, "%d loads were disturbed (noop varied by more than %.2f, or others took more than %.0f %%): %s. Don't compare their figures closely.\n",
			len(bad), ceilingBound, 100*othersBound, strings.Join(bad, ", "))
	}
}

// byLoad groups the results, which are in order.
func (r *results) byLoad() (loads [][]*result) {
	for i, l := range r.Loads {
		if i == 0 || l.Target == r.Loads[0].Target {
			loads = append(loads, nil)
		}
		loads[len(loads)-1] = append(loads[len(loads)-1], l)
	}
	return loads
}
