package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"

	pb "go.etcd.io/etcd/api/v3/etcdserverpb"
)

// memoryResult is how much memory a target has as it is filled.
type memoryResult struct {
	Target string        `json:"target"`
	Base   string        `json:"base"`
	Steps  []*memoryStep `json:"steps"`
	Err    string        `json:"error,omitempty"`
}

// memoryStep is the memory of each of a target's processes after something was done.
type memoryStep struct {
	What  string      `json:"what"`
	Added int         `json:"keys_added"` // since the step before
	Nodes []residence `json:"nodes"`
}

func (s *memoryStep) total() (sum residence) {
	for _, n := range s.Nodes {
		sum = sum.plus(n)
	}
	return sum
}

func (s *memoryStep) largest() (most residence) {
	return slices.MaxFunc(s.Nodes, func(a, b residence) int { return int(a.RSS - b.RSS) })
}

// memorySize is what the values have.
const memorySize = 1 << 10

// memoryClients is how many fill a target.
const memoryClients = 256

// memoryKinds are targets whose nodes are processes of their own. Each is started for this alone.
var memoryKinds = []kind{
	{"etcd", "etcd", "etcd, one member", self("etcd", 1)},
	{"netsy", "etcd", "Netsy, one node on a directory", netsy(1, false)},
	{"netsy-s3", "etcd", "Netsy, one node on an S3 server, which isn't counted", netsy(1, true)},
	{"etcd-3", "etcd-3", "etcd, three members, each a process", etcdMembers(3)},
	{"netsy-3", "etcd-3", "Netsy, three nodes on a directory, each a process with an elector", netsyNodes(3, storageDir)},
}

// measureMemory fills one target after the other.
func measureMemory(ctx context.Context, b *builds, o options, r *results) error {
	for _, k := range memoryKinds {
		if !contains(o.targets, k.name) || o.quick && k.name == "netsy-s3" && len(o.targets) == 0 {
			continue
		}
		t, err := b.fresh(ctx, k)
		if err != nil {
			return err
		}
		m := &memoryResult{Target: k.name, Base: k.base}
		err = m.fill(ctx, t, o)
		t.end()
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		if err != nil {
			m.Err = err.Error()
		}
		r.Memory = append(r.Memory, m)
	}
	printMemory(o.out, r.Memory, o.keys)
	return nil
}

// fill measures empty, with keys, with twice as many, after writing the first three times over,
// and after compacting all that away.
func (m *memoryResult) fill(ctx context.Context, t *target, o options) error {
	ctx, lost := t.whileRunning(ctx)
	defer lost(nil)
	conns, err := t.dial(memoryClients / perConn)
	defer closeAll(conns)
	if err != nil {
		return err
	}
	ws := make([]*worker, memoryClients)
	for i := range ws {
		ws[i] = newWorker(i, conns[i%len(conns)], load{size: memorySize})
	}
	const prefix = "/registry/memory/"
	// Each worker writes its part of the keys from..to-1.
	write := func(from, to int) error {
		return each(ctx, ws, func(ctx context.Context, w *worker) error {
			for i := from + w.id; i < to; i += len(ws) {
				if err := w.write(ctx, fmt.Appendf(nil, "%s%07d", prefix, i)); err != nil {
					return err
				}
			}
			return nil
		})
	}
	steps := []struct {
		what  string
		added int
		do    func() error
	}{
		{"empty", 0, func() error { return nil }},
		{fmt.Sprintf("%d keys", o.keys), o.keys, func() error { return write(0, o.keys) }},
		{fmt.Sprintf("%d keys", 2*o.keys), o.keys, func() error { return write(o.keys, 2*o.keys) }},
		{"overwritten", 0, func() error { return errors.Join(write(0, o.keys), write(0, o.keys), write(0, o.keys)) }},
		{"compacted", 0, func() error { return compactAll(ctx, ws) }},
	}
	for _, s := range steps {
		say("memory of %s: %s", t.name, s.what)
		if err := s.do(); err != nil {
			return fmt.Errorf("%s: %w", s.what, err)
		}
		rs, err := o.settling().settle(ctx, t)
		if err != nil {
			return err
		}
		m.Steps = append(m.Steps, &memoryStep{s.what, s.added, rs})
		if o.profiles != "" && t.Profiles != "" {
			if err := heapProfile(ctx, t, o.profiles, fmt.Sprintf("%s-memory-%d", t.name, len(m.Steps))); err != nil {
				return err
			}
		}
	}
	return hasLast(prefix, memorySize)(ctx, ws)
}

// compactAll removes the history, as kube-apiserver does every five minutes.
func compactAll(ctx context.Context, ws []*worker) error {
	newest := int64(0)
	for _, w := range ws {
		newest = max(newest, w.last)
	}
	_, err := ws[0].kv.Compact(ctx, &pb.CompactionRequest{Revision: newest, Physical: true})
	return err
}

func printMemory(out io.Writer, ms []*memoryResult, keys int) {
	fmt.Fprintf(out, "\nmemory, keys with values of %d bytes, written by %d clients; each server started for this alone\n", memorySize, memoryClients)
	w := newTable(out)
	fmt.Fprintln(w, "server\tafter\tRSS MiB\tanon MiB\tfile MiB\tPss MiB\tlargest node MiB\tpeak MiB\tRSS/key added\tanon/key added\tRSS × etcd\tanon × etcd\tpeak × etcd\t")
	for _, m := range ms {
		for i, s := range m.Steps {
			t, base := s.total(), baseStep(ms, m.Base, i)
			fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\t\n", m.Target, s.What, mib(t.RSS), mib(t.Anon), mib(t.File), mib(t.PSS), mib(s.largest().RSS), mib(t.Peak),
				perKey(m, i, func(r residence) int64 { return r.RSS }), perKey(m, i, func(r residence) int64 { return r.Anon }),
				ratio(t.RSS, base.RSS), ratio(t.Anon, base.Anon), ratio(t.Peak, base.Peak))
		}
	}
	w.Flush()
	for _, m := range ms {
		if m.Err != "" {
			fmt.Fprintf(out, "%s: %s\n", m.Target, m.Err)
		}
	}
	fmt.Fprintf(out, "overwritten: the first %d keys, three times; compacted: the history of that. Peaks are since the start.\n", keys)
	fmt.Fprintln(out, "kine isn't here: it has no Compact, and takes too long to fill.")
}

// baseStep is the same step of the target that m's is compared with.
func baseStep(ms []*memoryResult, base string, i int) residence {
	for _, m := range ms {
		if m.Target == base && i < len(m.Steps) {
			return m.Steps[i].total()
		}
	}
	return residence{}
}

// perKey is by how many bytes a target grew for each key that a step added.
func perKey(m *memoryResult, i int, of func(residence) int64) string {
	if m.Steps[i].Added == 0 {
		return "-"
	}
	return fmt.Sprint((of(m.Steps[i].total()) - of(m.Steps[i-1].total())) / int64(m.Steps[i].Added))
}

func mib(n int64) string { return fmt.Sprintf("%.0f", float64(n)/(1<<20)) }
