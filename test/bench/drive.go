package main

import (
	"context"
	"math/rand/v2"
	"slices"
	"sync"
	"time"

	pb "go.etcd.io/etcd/api/v3/etcdserverpb"
	"google.golang.org/grpc"
)

// perConn is how many clients share a connection: kube-apiserver has few connections
// to its etcd, and many requests on each.
const perConn = 8

// load is how many clients do something, with what values, for how long.
type load struct {
	clients  int
	size     int // bytes of a value
	duration time.Duration
	round    int // which makes keys differ
}

// worker is one client, which does one thing after another.
type worker struct {
	id    int
	n     int // operations done
	kv    pb.KVClient
	value []byte
	rng   *rand.Rand
	rev   map[string]int64 // mod revisions of keys that it alone writes
	last  int64            // revision of its last write
	blind bool             // the server keeps nothing, so what it answers means nothing
}

// op is one request, or what a client does as one.
type op func(ctx context.Context, w *worker) error

// work is what clients do in a measurement. Nothing but do is measured.
type work struct {
	prepare op
	do      op
	check   func(ctx context.Context, ws []*worker) error // whether the servers have what they acknowledged
}

// drive lets every client do one op after another, for the load's duration.
func drive(ctx context.Context, t *target, l load, k work) (sample, error) {
	conns, err := t.dial(max(1, l.clients/perConn, min(l.clients, len(t.Endpoints))))
	defer closeAll(conns)
	if err != nil {
		return sample{}, err
	}
	workers := make([]*worker, l.clients)
	for i := range workers {
		workers[i] = newWorker(i, conns[i%len(conns)], l)
		workers[i].blind = t.name == noopName
	}
	if err := each(ctx, workers, k.prepare); err != nil {
		return sample{}, err
	}
	m, err := begin(t)
	if err != nil {
		return sample{}, err
	}
	took, err := repeat(ctx, workers, k.do, m.begun, l.duration)
	if err != nil {
		return sample{}, err
	}
	s, err := m.end(took)
	if err == nil && k.check != nil && t.name != noopName {
		err = k.check(ctx, workers)
	}
	return s, err
}

// repeat lets all workers do something again and again, and returns how long each took.
func repeat(ctx context.Context, workers []*worker, do op, start time.Time, d time.Duration) ([]time.Duration, error) {
	took := make([][]time.Duration, len(workers))
	err := each(ctx, workers, func(ctx context.Context, w *worker) error {
		for begun := time.Now(); begun.Sub(start) < d; w.n++ {
			if err := do(ctx, w); err != nil {
				return err
			}
			now := time.Now()
			took[w.id] = append(took[w.id], now.Sub(begun))
			begun = now
		}
		return nil
	})
	return slices.Concat(took...), err
}

func newWorker(i int, conn *grpc.ClientConn, l load) *worker {
	rng := rand.New(rand.NewPCG(uint64(i), uint64(l.round)))
	return &worker{id: i, kv: pb.NewKVClient(conn), value: text(rng, l.size), rng: rng, rev: map[string]int64{}}
}

// text is neither what compresses to nothing, nor noise: objects are text.
func text(rng *rand.Rand, size int) []byte {
	const letters = "abcdefghijklmnopqrstuvwxyz0123456789{}\":, "
	b := make([]byte, size)
	for i := range b {
		b[i] = letters[rng.IntN(len(letters))]
	}
	return b
}

// each runs f for all workers at once, and returns the first error.
func each(ctx context.Context, workers []*worker, f op) error {
	if f == nil {
		return nil
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var wg sync.WaitGroup
	for _, w := range workers {
		wg.Go(func() {
			if err := f(ctx, w); err != nil {
				cancel(err)
			}
		})
	}
	wg.Wait()
	return context.Cause(ctx)
}
