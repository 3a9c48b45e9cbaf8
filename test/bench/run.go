package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"time"
)

// errSkipped says that a target can't do a load.
var errSkipped = errors.New("skipped")

// result is the samples of one target under one load.
type result struct {
	Shape   string   `json:"shape"`
	Clients int      `json:"clients"`
	Size    int      `json:"value_bytes"`
	Target  string   `json:"target"`
	Base    string   `json:"base"`
	Samples []sample `json:"samples"`
	Err     string   `json:"error,omitempty"`
}

func run(ctx context.Context, o options) error {
	if o.dir == "" {
		tmp, err := os.MkdirTemp("", "netsy-bench")
		if err != nil {
			return err
		}
		defer os.RemoveAll(tmp)
		o.dir = tmp
	}
	b, err := build(ctx, o.dir)
	if err != nil {
		return err
	}
	defer b.close()
	targets, err := startAll(ctx, b, o.targets)
	defer stopAll(targets)
	if err != nil {
		return err
	}
	var all []*result
	for _, s := range shapes {
		if !contains(o.shapes, s.name) {
			continue
		}
		if o.quick {
			s = quick(s)
		}
		for _, l := range o.loads(s) {
			rs, err := compare(ctx, targets, s, l, o)
			if err != nil {
				return err
			}
			all = append(all, rs...)
			report(os.Stdout, s, l, rs)
		}
	}
	if o.json != "" {
		return writeJSON(o.json, all)
	}
	return nil
}

// loads is what a shape is measured with.
func (o options) loads(s shape) (ls []load) {
	if len(o.clients) > 0 {
		s.clients = o.clients
	}
	if len(o.sizes) > 0 {
		s.sizes = o.sizes
	}
	for _, size := range s.sizes {
		for _, c := range s.clients {
			ls = append(ls, load{clients: c, size: size, duration: o.duration})
		}
	}
	return ls
}

// compare measures all targets under one load, in turn, round by round. A target that
// fails is left out of the rest, and the table says why.
func compare(ctx context.Context, targets []*target, s shape, l load, o options) ([]*result, error) {
	var rs []*result
	for _, t := range targets {
		rs = append(rs, &result{Shape: s.name, Clients: l.clients, Size: l.size, Target: t.name, Base: t.base})
	}
	for round := range o.rounds {
		say("%s, %d clients, %d bytes: round %d of %d", s.name, l.clients, l.size, round+1, o.rounds)
		for i, t := range targets {
			if rs[i].Err != "" {
				continue
			}
			l.round = round
			stop := func() error { return nil }
			if o.profiles != "" && round == o.rounds-1 && t.Profiles != "" {
				stop = profile(ctx, t, o.profiles, fmt.Sprintf("%s-%s-%d-%d", t.name, s.name, l.clients, l.size), l.duration)
			}
			sample, err := s.runWithin(ctx, t, l)
			if err := stop(); err != nil {
				return nil, err
			}
			if ctx.Err() != nil {
				return nil, context.Cause(ctx)
			}
			if err != nil {
				rs[i].Err = err.Error()
				continue
			}
			rs[i].Samples = append(rs[i].Samples, sample)
		}
	}
	return rs, nil
}

// patience is how long a measurement may take longer than it should.
const patience = 90 * time.Second

// runWithin gives a target up that doesn't come to an end: then the others' figures
// are not lost.
func (s shape) runWithin(ctx context.Context, t *target, l load) (sample, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, l.duration+patience, errors.New("it didn't come to an end"))
	defer cancel()
	m, err := s.run(ctx, t, l)
	if err != nil && ctx.Err() != nil {
		err = errors.Join(context.Cause(ctx), err)
	}
	return m, err
}

// profile takes a processor profile of the target meanwhile; the function that it
// returns waits for it.
func profile(ctx context.Context, t *target, dir, name string, d time.Duration) func() error {
	done := make(chan error, 1)
	go func() { // stop waits for it
		done <- func() error {
			url := fmt.Sprintf("%s/profile?seconds=%d", t.Profiles, max(1, int(d.Seconds())))
			req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
			if err != nil {
				return err
			}
			resp, err := http.DefaultClient.Do(req)
			if err != nil {
				return err
			}
			defer resp.Body.Close()
			if err := os.MkdirAll(dir, 0o755); err != nil {
				return err
			}
			f, err := os.Create(filepath.Join(dir, name+".pprof"))
			if err != nil {
				return err
			}
			_, err = io.Copy(f, resp.Body)
			return errors.Join(err, f.Close())
		}()
	}()
	return func() error { return <-done }
}
