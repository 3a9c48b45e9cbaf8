package main

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"text/tabwriter"
	"time"
)

// results are everything that a run measured.
type results struct {
	Machine  machine          `json:"machine"`
	Begun    time.Time        `json:"begun"`
	Loads    []*result        `json:"loads,omitempty"`
	Memory   []*memoryResult  `json:"memory,omitempty"`
	Requests []*requestResult `json:"requests,omitempty"`
	Puts     []*putResult     `json:"puts,omitempty"`
}

// failures is how many measurements failed.
func (r *results) failures() (n int) {
	failed := func(err string) {
		if err != "" {
			n++
		}
	}
	for _, l := range r.Loads {
		if !l.skipped {
			failed(l.Err)
		}
	}
	for _, m := range r.Memory {
		failed(m.Err)
	}
	for _, q := range r.Requests {
		failed(q.Err)
	}
	for _, p := range r.Puts {
		failed(p.Err)
	}
	return n
}

func writeJSON(path string, r *results) error {
	b, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		return err
	}
	return os.WriteFile(path, append(b, '\n'), 0o644)
}

func newTable(out io.Writer) *tabwriter.Writer {
	return tabwriter.NewWriter(out, 0, 0, 2, ' ', tabwriter.AlignRight)
}

// report prints one load's table: medians of the rounds, ratios to etcd of as many
// members, and to what answers from nothing; and what disturbed it.
func report(out io.Writer, s shape, l load, rs []*result) {
	who := "clients"
	if s.name == "watch" {
		who = "watchers"
	}
	rounds := 0
	for _, r := range rs {
		rounds = max(rounds, len(r.Samples))
	}
	fmt.Fprintf(out, "\n%s, %d %s, values of %d bytes, medians of %d\n", s.name, l.clients, who, l.size, rounds)
	w := newTable(out)
	fmt.Fprintln(w, "server\tops/s\tp50\tp99\tserver CPU/op\tclient CPU/op\tpeak MiB\t× etcd\tp50 × etcd\tp99 × etcd\tCPU × etcd\t× noop\t")
	ceiling := medianOf(find(rs, noopName))
	for _, r := range rs {
		if len(r.Samples) == 0 {
			continue
		}
		m, base := medianOf(r), medianOf(find(rs, r.Base))
		fmt.Fprintf(w, "%s\t%.0f\t%v\t%v\t%v\t%v\t%d\t%s\t%s\t%s\t%s\t%s\t\n", r.Target, m.Rate, short(m.P50), short(m.P99), short(m.ServerCPU), short(m.ClientCPU), m.Peak>>20,
			ratio(m.Rate, base.Rate), ratio(m.P50, base.P50), ratio(m.P99, base.P99), ratio(m.ServerCPU, base.ServerCPU), ratio(m.Rate, ceiling.Rate))
	}
	w.Flush()
	for _, r := range rs {
		if r.Err != "" {
			fmt.Fprintf(out, "%s: %s\n", r.Target, r.Err)
		}
	}
	fmt.Fprintln(out, noiseOf(rs))
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

// ratio is a/b; "-" if there is no b.
func ratio[T number](a, b T) string {
	if b == 0 {
		return "-"
	}
	return fmt.Sprintf("%.2f", float64(a)/float64(b))
}
