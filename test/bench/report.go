package main

import (
	"fmt"
	"io"
	"slices"
	"text/tabwriter"
	"time"
)

// report prints one load's table: medians of the rounds, ratios to etcd of as many
// members, and to what answers from nothing.
func report(out io.Writer, s shape, l load, rs []*result) {
	who := "clients"
	if s.name == "watch" {
		who = "watchers"
	}
	fmt.Fprintf(out, "\n%s, %d %s, values of %d bytes, medians of %d\n", s.name, l.clients, who, l.size, len(rs[0].Samples))
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(w, "server\tops/s\tp50\tp99\tserver CPU/op\tclient CPU/op\tpeak MiB\t× etcd\tp50 × etcd\tp99 × etcd\t× noop\t")
	ceiling := medianOf(find(rs, noopName))
	for _, r := range rs {
		if len(r.Samples) == 0 {
			continue
		}
		m, base := medianOf(r), medianOf(find(rs, r.Base))
		fmt.Fprintf(w, "%s\t%.0f\t%v\t%v\t%v\t%v\t%d\t%s\t%s\t%s\t%s\t\n", r.Target, m.Rate, short(m.P50), short(m.P99), short(m.ServerCPU), short(m.ClientCPU), m.Peak>>20,
			ratio(m.Rate, base.Rate), ratio(float64(m.P50), float64(base.P50)), ratio(float64(m.P99), float64(base.P99)), ratio(m.Rate, ceiling.Rate))
	}
	w.Flush()
	for _, r := range rs {
		if r.Err != "" {
			fmt.Fprintf(out, "%s: %s\n", r.Target, r.Err)
		}
	}
}

func find(rs []*result, target string) *result {
	for _, r := range rs {
		if r.Target == target {
			return r
		}
	}
	return &result{}
}

func short(d time.Duration) time.Duration {
	if d < time.Millisecond {
		return d.Round(time.Microsecond)
	}
	return d.Round(10 * time.Microsecond)
}

func ratio(a, b float64) string {
	if b == 0 {
		return "-"
	}
	return fmt.Sprintf("%.2f", a/b)
}

// medianOf takes the median of each figure for itself.
func medianOf(r *result) sample {
	if len(r.Samples) == 0 {
		return sample{}
	}
	return sample{
		Rate:      median(r.Samples, func(s sample) float64 { return s.Rate }),
		P50:       median(r.Samples, func(s sample) time.Duration { return s.P50 }),
		P99:       median(r.Samples, func(s sample) time.Duration { return s.P99 }),
		ServerCPU: median(r.Samples, func(s sample) time.Duration { return s.ServerCPU }),
		ClientCPU: median(r.Samples, func(s sample) time.Duration { return s.ClientCPU }),
		Peak:      median(r.Samples, func(s sample) int64 { return s.Peak }),
	}
}

func median[T int64 | float64 | time.Duration](ss []sample, of func(sample) T) T {
	var v []T
	for _, s := range ss {
		v = append(v, of(s))
	}
	slices.Sort(v)
	return v[len(v)/2]
}
