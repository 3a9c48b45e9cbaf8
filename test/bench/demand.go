package main

import (
	"context"
	"fmt"
	"io"
	"maps"
	"strings"
	"sync/atomic"
	"time"
)

// requestResult is what a cluster asks of object storage while something happens.
type requestResult struct {
	Target  string         `json:"target"`
	During  string         `json:"during"`
	Seconds float64        `json:"seconds"`
	Writes  int            `json:"writes"` // acknowledged
	Counts  map[string]int `json:"counts"` // by what passed to the S3 server
	Own     map[string]int `json:"own"`    // by Netsy's metrics
	Err     string         `json:"error,omitempty"`
}

// writesPerSecond is the load that requests are counted under, demandClients by whom.
const (
	writesPerSecond = 100
	demandClients   = 16
)

// measureRequests counts requests to object storage, of one node and of three, idle and at work.
func measureRequests(ctx context.Context, b *builds, o options, r *results) error {
	for _, c := range []struct {
		name  string
		nodes int
	}{{"netsy-s3", 1}, {"netsy-3-s3", 3}} {
		if !contains(o.targets, c.name) {
			continue
		}
		rs, err := demandOf(ctx, b, c.name, c.nodes, o)
		if err != nil {
			return err
		}
		r.Requests = append(r.Requests, rs...)
	}
	printRequests(o.out, r.Requests)
	return nil
}

func demandOf(ctx context.Context, b *builds, name string, nodes int, o options) ([]*requestResult, error) {
	gw, err := b.s3(ctx)
	if err != nil {
		return nil, err
	}
	c, err := counterBefore(gw)
	if err != nil {
		return nil, err
	}
	defer c.close()
	bucket := fmt.Sprintf("requests-%d", nodes)
	dir, err := gw.bucket(bucket)
	if err != nil {
		return nil, err
	}
	through := func(context.Context, *builds, string) (storage, error) {
		section := map[string]any{"provider": "s3", "bucket_name": bucket, "endpoint": c.url, "path_style": true}
		return storage{section, gw.env()}, nil
	}
	what := fmt.Sprintf("Netsy, %d nodes with electors, on an S3 server behind a counter", nodes)
	t, err := b.fresh(ctx, kind{name, "", what, netsyNodes(nodes, through)})
	if err != nil {
		return nil, err
	}
	t.bucket = dir
	defer t.end()
	ctx, lost := t.whileRunning(ctx)
	defer lost(nil)
	idle, err := c.during(ctx, t, "idle", o.requestsFor, func(ctx context.Context) (int, error) {
		select {
		case <-time.After(o.requestsFor): // it is time that is measured
			return 0, nil
		case <-ctx.Done():
			return 0, context.Cause(ctx)
		}
	})
	if err != nil {
		return nil, err
	}
	busy, err := c.during(ctx, t, fmt.Sprintf("%d writes a second", writesPerSecond), o.requestsFor, func(ctx context.Context) (int, error) {
		return steadily(ctx, t, o.requestsFor)
	})
	return []*requestResult{idle, busy}, err
}

// during counts while something is done; it has no result only if it couldn't be counted.
func (c *counter) during(ctx context.Context, t *target, what string, d time.Duration, do func(context.Context) (int, error)) (*requestResult, error) {
	before, ownBefore, err := c.agreed(ctx, t)
	if err != nil {
		return nil, err
	}
	begun := time.Now()
	writes, err := do(ctx)
	if err != nil {
		return nil, err
	}
	r := &requestResult{Target: t.name, During: what, Seconds: time.Since(begun).Seconds(), Writes: writes, Counts: minusCounts(c.counts(), before)}
	after, own, err := c.agreed(ctx, t)
	if err != nil {
		return nil, err
	}
	r.Own = minusCounts(own, ownBefore)
	if counted := minusCounts(after, before); !maps.Equal(nonZero(counted), nonZero(r.Own)) {
		r.Err = fmt.Sprintf("%v passed to the S3 server, and Netsy's metrics have %v", counted, r.Own)
	}
	if want := int(d.Seconds() * writesPerSecond); writes > 0 && writes < want*95/100 {
		r.Err = fmt.Sprintf("%d writes were acknowledged, of %d", writes, want)
	}
	return r, nil
}

// agreed reads both counts at a moment when no request is under way: then they are the same.
// If they aren't the same for long it returns what they are.
func (c *counter) agreed(ctx context.Context, t *target) (counted, own map[string]int, err error) {
	for range 100 {
		before := c.counts()
		if own, err = ownCounts(ctx, t); err != nil {
			return nil, nil, err
		}
		counted = c.counts()
		if maps.Equal(before, counted) && maps.Equal(nonZero(counted), nonZero(own)) {
			break
		}
		select {
		case <-time.After(20 * time.Millisecond): // a moment without requests can't be awaited otherwise
		case <-ctx.Done():
			return nil, nil, context.Cause(ctx)
		}
	}
	return counted, own, nil
}

func nonZero(counts map[string]int) map[string]int {
	counts = maps.Clone(counts)
	maps.DeleteFunc(counts, func(_ string, n int) bool { return n == 0 })
	return counts
}

// ownCounts adds up what all nodes' metrics say.
func ownCounts(ctx context.Context, t *target) (map[string]int, error) {
	const metric = `netsy_objectstore_operations_total{op="`
	own := map[string]int{}
	for _, h := range t.health {
		m, err := scrape(ctx, h)
		if err != nil {
			return nil, err
		}
		for name, v := range m {
			if labels, ok := strings.CutPrefix(name, metric); ok {
				op, _, _ := strings.Cut(labels, `"`)
				own[op] += int(v)
			}
		}
	}
	return own, nil
}

// steadily writes as many keys a second as it is to, and returns how many were acknowledged
// and are there. A write that is late doesn't hold up the next, as long as a client is free.
func steadily(ctx context.Context, t *target, d time.Duration) (int, error) {
	conns, err := t.dial(max(2, len(t.Endpoints)))
	defer closeAll(conns)
	if err != nil {
		return 0, err
	}
	ws := make([]*worker, demandClients)
	for i := range ws {
		ws[i] = newWorker(i, conns[i%len(conns)], load{size: 1 << 10})
	}
	var next atomic.Int64
	const prefix = "/registry/steady/"
	begun := time.Now()
	err = each(ctx, ws, func(ctx context.Context, w *worker) error {
		for {
			due := begun.Add(time.Duration(next.Add(1)-1) * time.Second / writesPerSecond)
			if due.Sub(begun) >= d {
				return nil
			}
			select {
			case <-time.After(time.Until(due)):
			case <-ctx.Done():
				return context.Cause(ctx)
			}
			if err := w.create(ctx, fmt.Appendf(nil, "%s%d/%d", prefix, w.id, w.n), w.value); err != nil {
				return err
			}
			w.n++
		}
	})
	if err != nil {
		return 0, err
	}
	n := 0
	for _, w := range ws {
		n += w.n
	}
	return n, hasAll(prefix)(ctx, ws)
}

// requestKinds are those that have a column; others are named if there are any.
var requestKinds = []string{"put", "list", "get", "stat", "delete"}

func printRequests(out io.Writer, rs []*requestResult) {
	fmt.Fprintln(out, "\nrequests to object storage a minute, as they came to the S3 server")
	w := newTable(out)
	fmt.Fprintln(w, "server\tduring\tseconds\tPUT\tLIST\tGET\tHEAD\tDELETE\twrites/PUT\tNetsy's metrics\t")
	for _, r := range rs {
		fmt.Fprintf(w, "%s\t%s\t%.0f\t", r.Target, r.During, r.Seconds)
		for _, kind := range requestKinds {
			fmt.Fprintf(w, "%.0f\t", float64(r.Counts[kind])*60/r.Seconds)
		}
		agree := "agree"
		if r.Err != "" {
			agree = "see below"
		}
		fmt.Fprintf(w, "%s\t%s\t\n", ratio(r.Writes, r.Counts["put"]), agree)
	}
	w.Flush()
	for _, r := range rs {
		if r.Err != "" {
			fmt.Fprintf(out, "%s, %s: %s\n", r.Target, r.During, r.Err)
		}
		for _, kind := range sortedKinds(r.Counts) {
			if !contains(requestKinds, kind) {
				fmt.Fprintf(out, "%s, %s: %d × %s\n", r.Target, r.During, r.Counts[kind], kind)
			}
		}
	}
}
