// Command bench measures Netsy beside etcd in one run: the same load, the same
// disk, TLS on both, interleaved, servers in processes of their own.
//
//	go run . -clients 64 -duration 5s -rounds 3
//	go run . -members 3 -clients 512
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"slices"
	"strconv"
	"text/tabwriter"
	"time"
)

func main() {
	if len(os.Args) > 1 && os.Args[1] == etcdArg {
		members, err := strconv.Atoi(os.Args[3])
		exit(errors.Join(err, serveEtcd(os.Args[2], members)))
	}
	clients := flag.Int("clients", 64, "concurrent clients, each with a connection of its own")
	size := flag.Int("value", 1024, "bytes of each value")
	duration := flag.Duration("duration", 5*time.Second, "length of a measurement")
	members := flag.Int("members", 1, "members of each cluster; Netsy acknowledges by quorum from three on")
	rounds := flag.Int("rounds", 3, "measurements of each server, interleaved")
	dir := flag.String("dir", "", "where the servers keep their data (default: a temporary directory)")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	exit(run(ctx, *dir, *members, load{clients: *clients, value: make([]byte, *size), duration: *duration}, *rounds))
}

func exit(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
	os.Exit(0)
}

func run(ctx context.Context, dir string, members int, l load, rounds int) error {
	if dir == "" {
		tmp, err := os.MkdirTemp("", "netsy-bench")
		if err != nil {
			return err
		}
		defer os.RemoveAll(tmp)
		dir = tmp
	}
	servers, err := startAll(ctx, dir, members)
	defer stopAll(servers)
	if err != nil {
		return err
	}
	results := map[string][]result{}
	for round := range rounds {
		for _, s := range servers {
			fmt.Fprintf(os.Stderr, "round %d of %d: %s ...\n", round+1, rounds, s.name)
			r, err := l.creates(ctx, s, fmt.Sprintf("/registry/bench/%d", round))
			if err != nil {
				return fmt.Errorf("%s: %w", s.name, err)
			}
			results[s.name] = append(results[s.name], r)
		}
	}
	print(servers, results, l)
	return nil
}

// print shows medians, and ratios to the first server.
func print(servers []*server, results map[string][]result, l load) {
	fmt.Printf("creates of %d bytes by %d clients, medians of %d\n", len(l.value), l.clients, len(results[servers[0].name]))
	w := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(w, "server\tcreates/s\tp50\tp99\tthroughput\tp99 ratio\t")
	base := medians(results[servers[0].name])
	for _, s := range servers {
		m := medians(results[s.name])
		fmt.Fprintf(w, "%s\t%.0f\t%v\t%v\t%.2f×\t%.2f×\t\n", s.name, m.rate, m.p50.Round(10*time.Microsecond), m.p99.Round(10*time.Microsecond),
			m.rate/base.rate, float64(m.p99)/float64(base.p99))
	}
	w.Flush()
}

func medians(rs []result) result {
	return result{
		rate: median(rs, func(r result) float64 { return r.rate }),
		p50:  time.Duration(median(rs, func(r result) float64 { return float64(r.p50) })),
		p99:  time.Duration(median(rs, func(r result) float64 { return float64(r.p99) })),
	}
}

func median(rs []result, of func(result) float64) float64 {
	var v []float64
	for _, r := range rs {
		v = append(v, of(r))
	}
	slices.Sort(v)
	return v[len(v)/2]
}
