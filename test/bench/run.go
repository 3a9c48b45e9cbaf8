package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
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
	skipped bool
}

// run measures what is asked for. Measurements that failed are an error at the end: the
// tables say which.
func run(ctx context.Context, o options) error {
	if o.dir == "" {
		tmp, err := os.MkdirTemp("", "netsy-bench")
		if err != nil {
			return err
		}
		defer os.RemoveAll(tmp)
		o.dir = tmp
	}
	spread(o.dir)
	b, err := build(ctx, o.dir)
	if err != nil {
		return err
	}
	b.contention = o.profiles != ""
	defer b.close()
	r := &results{Begun: time.Now()}
	if r.Machine, err = machineOf(ctx, o.dir); err != nil {
		return err
	}
	r.Machine.print(o.out)
	for _, p := range o.plan() {
		if err := r.measure(ctx, b, p, o); err != nil {
			return err
		}
	}
	for _, s := range studies {
		if !contains(o.shapes, s.name) {
			continue
		}
		say("%s", s.name)
		if err := s.run(ctx, b, o, r); err != nil {
			return fmt.Errorf("%s: %w", s.name, err)
		}
	}
	r.verdict(o.out)
	if o.json != "" {
		if err := writeJSON(o.json, r); err != nil {
			return err
		}
	}
	if n := r.failures(); n > 0 {
		return fmt.Errorf("%d measurements failed: the tables say why", n)
	}
	return nil
}

// job is one load of a shape.
type job struct {
	shape shape
	load  load
}

// plan orders the loads that are asked for; those that stand together share servers. Servers are
// started anew after each load that writes much: their data would fill disks.
func (o options) plan() (plan [][]job) {
	at := map[string]int{}
	for _, s := range shapes {
		if !contains(o.shapes, s.name) {
			continue
		}
		if o.quick {
			s = s.briefly()
		}
		for _, l := range o.loads(s) {
			key := fmt.Sprint(s.group, l.size)
			if s.group == "" {
				key = fmt.Sprint(s.name, l.size, l.clients)
			}
			i, ok := at[key]
			if !ok {
				i, plan = len(plan), append(plan, nil)
				at[key] = i
			}
			plan[i] = append(plan[i], job{s, l})
		}
	}
	return plan
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

// measure starts the servers, and puts the loads on them.
func (r *results) measure(ctx context.Context, b *builds, jobs []job, o options) error {
	targets, err := startAll(ctx, b, o.targets)
	defer func() { endAll(targets) }()
	if err != nil {
		return err
	}
	for _, j := range jobs {
		rs, err := compare(ctx, targets, j, o)
		if err != nil {
			return err
		}
		r.Loads = append(r.Loads, rs...)
		report(o.out, j.shape, j.load, rs)
	}
	return nil
}

// compare measures all targets under one load, in turn, round by round. A target that
// fails is left out of the rest, and the table says why.
func compare(ctx context.Context, targets []*target, j job, o options) ([]*result, error) {
	s, l := j.shape, j.load
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
				rs[i].Err, rs[i].skipped = err.Error(), unserved(t, err)
				continue
			}
			rs[i].Samples = append(rs[i].Samples, sample)
		}
	}
	return rs, nil
}

// unserved says whether the target doesn't do this at all, which is no failure: kine is known to
// lack some requests.
func unserved(t *target, err error) bool {
	return errors.Is(err, errSkipped) || t.name == kineName && status.Code(err) == codes.Unimplemented
}

// patience is how long a measurement may take longer than it should.
const patience = 60 * time.Second

// runWithin gives a target up that doesn't come to an end, or whose process has ended: then the
// others' figures are not lost.
func (s shape) runWithin(ctx context.Context, t *target, l load) (sample, error) {
	if err := t.ended(); err != nil {
		return sample{}, err
	}
	ctx, cancel := context.WithTimeoutCause(ctx, l.duration+patience, errors.New("it didn't come to an end"))
	defer cancel()
	ctx, lost := t.whileRunning(ctx)
	defer lost(nil)
	m, err := s.run(ctx, t, l)
	if err != nil && ctx.Err() != nil {
		err = errors.Join(context.Cause(ctx), err)
	}
	return m, err
}

// whileRunning ends the context with a process of the target.
func (t *target) whileRunning(ctx context.Context) (context.Context, context.CancelCauseFunc) {
	ctx, cancel := context.WithCancelCause(ctx)
	for _, p := range t.procs {
		go func() { // ends with the context
			select {
			case <-p.ended:
				cancel(t.ended())
			case <-ctx.Done():
			}
		}()
	}
	return ctx, cancel
}
