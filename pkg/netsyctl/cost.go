package netsyctl

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/url"
	"os"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/netsy-io/netsy/pkg/clusterview"
	"github.com/netsy-io/netsy/pkg/cost"
)

// defaultHealthPort is that of NETSY_BIND_HEALTH.
const defaultHealthPort = 8080

func costCommand() *cli.Command {
	price := func(name string, v float64, usage string) cli.Flag {
		return &cli.Float64Flag{Name: name, Value: v, Usage: usage}
	}
	return &cli.Command{
		Name:  "cost",
		Usage: "measure the requests and bytes that the cluster asks of object storage, and estimate a month's cost",
		Description: `Measured: requests and bytes, by the counters at /metrics of every process that answers, over --window,
or with --since-start over each process's life; and what is stored, by a listing of the bucket.
Extrapolated: that it goes on like this for a month of 730 hours, and that what is stored now is stored
for all of it. Measure when the load is as usual: an hour tells more than a minute, and a start, which
may load a snapshot, is in --since-start.

Processes are looked for on --health-port of the hosts that nodes are registered at and that the leading
elector and compactor name; --metrics names others, as a compactor that runs by a timer has no port at all,
and electors that don't lead aren't known. What doesn't answer is left out, and listed. If none answers,
what is stored is all there is.

Prices are in any currency. The defaults are an example: S3's list prices in US dollars in us-east-1. A file
of --prices is a JSON object such as {"put_per_1000": 0.005, "list_per_1000": 0.005, "get_per_1000": 0.0004,
"delete_per_1000": 0, "storage_gb_month": 0.023, "read_gb": 0}; flags go before it. A GB is 2^30 bytes. Not in
it: the parts of uploads in parts, what the provider's client repeats, minimum sizes and terms of storage
classes, KMS requests, and traffic between zones.

  netsyctl cost --config cluster.jsonc
  netsyctl cost --config cluster.jsonc --window 1h --metrics elector-2:8080 -o json
  netsyctl cost --context prod --since-start --prices prices.json`,
		Flags: []cli.Flag{clusterFileFlag(), outputFlag(),
			&cli.DurationFlag{Name: "window", Value: time.Minute, DefaultText: "1m0s", Usage: "how long to watch the counters"},
			&cli.BoolFlag{Name: "since-start", Usage: "instead: take all that each process has done since it started"},
			&cli.StringSliceFlag{Name: "metrics", Usage: "a process's health port, `HOST:PORT` or a URL; repeat it for several"},
			&cli.IntFlag{Name: "health-port", Value: defaultHealthPort, Usage: "where processes are looked for; 0: only at --metrics"},
			&cli.StringFlag{Name: "prices", Usage: "a JSON `FILE` of prices"},
			price("price-put-per-1000", cost.Examples.PutPer1000, "of 1000 writes"),
			price("price-list-per-1000", cost.Examples.ListPer1000, "of 1000 listings"),
			price("price-get-per-1000", cost.Examples.GetPer1000, "of 1000 reads, also of metadata"),
			price("price-delete-per-1000", cost.Examples.DeletePer1000, "of 1000 deletions"),
			price("price-storage-gb-month", cost.Examples.StorageGBMonth, "of a GB stored for a month"),
			price("price-read-gb", cost.Examples.ReadGB, "of a GB read: nothing within a region, as a rule"),
		},
		Action: runCost,
	}
}

// shownCost is what the command shows.
type shownCost struct {
	ClusterID string         `json:"cluster_id"`
	Store     string         `json:"store"`
	Window    float64        `json:"window_seconds"` // 0: since each process's start
	Processes []shownProcess `json:"processes"`
	Prices    cost.Prices    `json:"prices"`
	cost.Estimate
}

type shownProcess struct {
	Metrics   string  `json:"metrics"`
	Seconds   float64 `json:"seconds"` // measured
	Restarted bool    `json:"restarted"`
	Error     string  `json:"error,omitempty"` // why it is left out
}

func runCost(c *cli.Context) error {
	if err := noArgs(c); err != nil {
		return err
	}
	prices, err := pricesOf(c)
	if err != nil {
		return err
	}
	window := c.Duration("window")
	if c.Bool("since-start") {
		window = 0
	} else if window < time.Second {
		return wrongUse("--window must be at least 1s (got %s)", window)
	}
	b, err := openBucket(c)
	if err != nil {
		return err
	}
	v, err := b.view(c.Context, nil)
	if err != nil {
		return err
	}
	targets, err := costTargets(v, c.Int("health-port"), c.StringSlice("metrics"))
	if err != nil {
		return err
	}
	x := &shownCost{ClusterID: b.clusterID, Store: v.Store, Window: window.Seconds(), Prices: prices}
	did, err := x.measure(c.Context, targets, window, &progress{w: c.App.ErrWriter})
	if err != nil {
		return err
	}
	stored, err := cost.List(c.Context, b.store)
	if err != nil {
		return err
	}
	x.Estimate = cost.Reckon(did, stored, prices)
	return show(c, x, x.table)
}

// pricesOf are the defaults, changed by the file, changed by flags.
func pricesOf(c *cli.Context) (cost.Prices, error) {
	p := cost.Examples
	if path := c.String("prices"); path != "" {
		b, err := os.ReadFile(path)
		if err != nil {
			return p, wrongUse("--prices: %w", err)
		}
		if p, err = cost.ParsePrices(b, p); err != nil {
			return p, wrongUse("%s: %w", path, err)
		}
	}
	for flag, v := range map[string]*float64{
		"price-put-per-1000": &p.PutPer1000, "price-list-per-1000": &p.ListPer1000, "price-get-per-1000": &p.GetPer1000,
		"price-delete-per-1000": &p.DeletePer1000, "price-storage-gb-month": &p.StorageGBMonth, "price-read-gb": &p.ReadGB,
	} {
		if c.IsSet(flag) {
			*v = c.Float64(flag)
		}
	}
	if err := p.Validate(); err != nil {
		return p, wrongUse("%w", err)
	}
	return p, nil
}

// costTargets are the URLs of the metrics of all processes that are known or named, each once.
func costTargets(v *clusterview.View, port int, named []string) ([]string, error) {
	var urls []string
	add := func(u string) {
		for _, have := range urls {
			if have == u {
				return
			}
		}
		urls = append(urls, u)
	}
	for _, n := range named {
		u, err := metricsURL(n)
		if err != nil {
			return nil, err
		}
		add(u)
	}
	if port == 0 {
		return urls, nil
	}
	at := func(host string) {
		if host != "" {
			add("http://" + net.JoinHostPort(host, strconv.Itoa(port)) + "/metrics")
		}
	}
	for i := range v.Nodes {
		for _, p := range v.Nodes[i].PeerURLs {
			if u, err := url.Parse(p); err == nil {
				at(u.Hostname())
			}
		}
	}
	for _, l := range []*clusterview.Leader{v.Elector, v.Compactor} {
		if l != nil {
			if host, _, err := net.SplitHostPort(l.Address); err == nil {
				at(host)
			}
		}
	}
	return urls, nil
}

// metricsURL completes what --metrics was given.
func metricsURL(s string) (string, error) {
	full := s
	if !strings.Contains(s, "://") {
		full = "http://" + s
	}
	u, err := url.Parse(full)
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
		return "", wrongUse("--metrics %q is neither HOST:PORT nor a URL", s)
	}
	if u.Path == "" || u.Path == "/" {
		u.Path = "/metrics"
	}
	return u.String(), nil
}

// measure reads every target's counters, and again after window, unless that is 0.
func (x *shownCost) measure(ctx context.Context, targets []string, window time.Duration, p *progress) ([]cost.Measured, error) {
	before, failed := scrapeAll(ctx, targets)
	after := before
	answer := len(targets) - len(failed)
	if window > 0 && answer > 0 {
		p.step("watching the counters of %s for %s", processes(answer), window)
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-time.After(window):
		}
		var lost map[string]error
		after, lost = scrapeAll(ctx, targets)
		for u, err := range lost {
			failed[u] = errors.Join(failed[u], err)
		}
	}
	var did []cost.Measured
	x.Processes = []shownProcess{}
	for _, u := range targets {
		if err := failed[u]; err != nil {
			x.Processes = append(x.Processes, shownProcess{Metrics: u, Error: strings.ReplaceAll(err.Error(), "\n", "; ")})
			continue
		}
		m := cost.SinceStart(after[u])
		if window > 0 {
			m = cost.Between(before[u], after[u])
		}
		did = append(did, m)
		x.Processes = append(x.Processes, shownProcess{Metrics: u, Seconds: m.Seconds, Restarted: m.Restarted})
	}
	return did, ctx.Err()
}

// scrapeAll asks all at once; each is in one of the maps.
func scrapeAll(ctx context.Context, urls []string) (map[string]*cost.Sample, map[string]error) {
	samples, failed := map[string]*cost.Sample{}, map[string]error{}
	var mu sync.Mutex
	var wg sync.WaitGroup
	for _, u := range urls {
		wg.Go(func() {
			s, err := cost.Scrape(ctx, u)
			mu.Lock()
			defer mu.Unlock()
			if err != nil {
				failed[u] = err
				return
			}
			samples[u] = s
		})
	}
	wg.Wait()
	return samples, failed
}

func (x *shownCost) table(w io.Writer) {
	row(w, "cluster", x.ClusterID+" in "+x.Store)
	row(w, "measured", x.howMeasured())
	for _, p := range x.Processes {
		switch {
		case p.Error != "":
			row(w, "left out", p.Metrics+": "+p.Error)
		case p.Restarted:
			row(w, "restarted", p.Metrics+": what it did before is not in it")
		}
	}
	row(w)
	if len(x.Operations) > 0 {
		row(w, "OPERATION", "BILLED AS", "MEASURED", "PER MONTH", "COST A MONTH")
		for _, o := range x.Operations {
			row(w, o.Operation, o.Class, count(o.Measured), count(o.Month), money(o.Cost))
		}
		row(w, "bytes written", "-", count(x.WrittenBytes), "-", "-")
		row(w, "bytes read", "read", count(x.ReadBytes), count(x.ReadMonth), money(x.ReadCost))
		row(w)
	}
	row(w, "STORED", "OBJECTS", "BYTES", "COST A MONTH")
	for _, s := range x.Stored {
		row(w, s.Kind, strconv.Itoa(s.Objects), strconv.FormatInt(s.Bytes, 10), money(s.Cost))
	}
	row(w)
	if len(x.Operations) == 0 {
		row(w, "a month", money(x.Storage)+" for what is stored; requests are not known")
		return
	}
	row(w, "a month", fmt.Sprintf("%s: requests %s, stored %s, read %s", money(x.Total), money(x.Requests), money(x.Storage), money(x.ReadCost)))
}

func (x *shownCost) howMeasured() string {
	answer := 0
	for _, p := range x.Processes {
		if p.Error == "" {
			answer++
		}
	}
	of := fmt.Sprintf("%d of %d processes", answer, len(x.Processes))
	switch {
	case answer == 0:
		return "what is stored only: no process answers (see --metrics, --health-port)"
	case x.Window == 0:
		return of + ", each since its start"
	}
	return fmt.Sprintf("%s, for %s", of, time.Duration(x.Window*float64(time.Second)))
}

func count(n float64) string { return strconv.FormatFloat(n, 'f', 0, 64) }
func money(n float64) string { return strconv.FormatFloat(n, 'f', 4, 64) }

func processes(n int) string {
	if n == 1 {
		return "1 process"
	}
	return fmt.Sprintf("%d processes", n)
}
