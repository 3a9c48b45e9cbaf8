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

// sample is one measurement.
type sample struct {
	Ops       int           `json:"ops"`
	Rate      float64       `json:"rate"` // operations a second
	P50       time.Duration `json:"p50_ns"`
	P99       time.Duration `json:"p99_ns"`
	ServerCPU time.Duration `json:"server_cpu_ns"` // an operation
	ClientCPU time.Duration `json:"client_cpu_ns"` // an operation
	Peak      int64         `json:"peak_bytes"`    // of memory, of the server, since its start
}

// worker is one client, which does one thing after another.
type worker struct {
	id    int
	n     int // operations done
	kv    pb.KVClient
	value []byte
	rng   *rand.Rand
	rev   map[string]int64 // mod revisions of keys that it alone writes
}

// op is one request, or what a client does as one.
type op func(ctx context.Context, w *worker) error

// drive lets every client do one op after another, for the load's duration.
func drive(ctx context.Context, t *target, l load, prepare, do op) (sample, error) {
	conns, err := t.dial(max(1, l.clients/perConn, min(l.clients, len(t.Endpoints))))
	defer closeAll(conns)
	if err != nil {
		return sample{}, err
	}
	workers := make([]*worker, l.clients)
	for i := range workers {
		workers[i] = newWorker(i, conns[i%len(conns)], l)
	}
	if err := each(ctx, workers, prepare); err != nil {
		return sample{}, err
	}
	m, err := begin(t)
	if err != nil {
		return sample{}, err
	}
	took := make([][]time.Duration, l.clients)
	err = each(ctx, workers, func(ctx context.Context, w *worker) error {
		for begun := time.Now(); begun.Sub(m.begun) < l.duration; w.n++ {
			if err := do(ctx, w); err != nil {
				return err
			}
			now := time.Now()
			took[w.id] = append(took[w.id], now.Sub(begun))
			begun = now
		}
		return nil
	})
	if err != nil {
		return sample{}, err
	}
	return m.end(slices.Concat(took...))
}

func newWorker(i int, conn *grpc.ClientConn, l load) *worker {
	w := &worker{
		id: i, kv: pb.NewKVClient(conn), value: make([]byte, l.size),
		rng: rand.New(rand.NewPCG(uint64(i), uint64(l.round))), rev: map[string]int64{},
	}
	const text = "abcdefghijklmnopqrstuvwxyz0123456789{}\":, "
	for j := range w.value { // neither what compresses to nothing, nor noise: objects are text
		w.value[j] = text[w.rng.IntN(len(text))]
	}
	return w
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

// meter measures what a target uses from begin to end.
type meter struct {
	t      *target
	begun  time.Time
	server usage
	client time.Duration
}

func begin(t *target) (*meter, error) {
	u, err := usageOf(t.pids()...)
	return &meter{t: t, begun: time.Now(), server: u, client: ownCPU()}, err
}

func (t *target) pids() []int { return append([]int{t.cmd.Process.Pid}, t.also...) }

// end makes a sample of how long the operations took. It sorts them.
func (m *meter) end(took []time.Duration) (sample, error) {
	elapsed := time.Since(m.begun)
	u, err := usageOf(m.t.pids()...)
	if err != nil || len(took) == 0 {
		return sample{}, err
	}
	slices.Sort(took)
	n := len(took)
	return sample{
		Ops: n, Rate: float64(n) / elapsed.Seconds(), P50: took[n/2], P99: took[n*99/100],
		ServerCPU: (u.cpu - m.server.cpu) / time.Duration(n), ClientCPU: (ownCPU() - m.client) / time.Duration(n), Peak: u.peak,
	}, nil
}
