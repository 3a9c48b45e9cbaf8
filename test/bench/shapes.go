package main

import (
	"context"
	"fmt"
	"time"
)

// listed is how many keys there are to read.
const listed = 10_000

// shape is a kind of load.
type shape struct {
	name    string
	clients []int // watchers, of the watch shapes
	sizes   []int
	run     func(ctx context.Context, t *target, l load) (sample, error)
}

var (
	someClients = []int{1, 64, 512}
	bothSizes   = []int{1 << 10, 16 << 10}
	small       = []int{1 << 10}
)

var shapes = []shape{
	{"create", someClients, bothSizes, measure(nil, create)},
	{"update", someClients, bothSizes, measure(nil, update)},
	{"get", someClients, bothSizes, measure(fill, get(false))},
	{"get-serializable", someClients, bothSizes, measure(fill, get(true))},
	{"list-500", []int{1, 64}, small, measure(fill, list(500))},
	{"list-10000", []int{1, 8}, small, measure(fill, list(listed))},
	{"count", []int{1, 64}, small, measure(fill, count)},
	{"mixed", []int{64, 512}, small, measure(fill, mixed)},
	{"watch", []int{200, 2000}, small, watchers},
}

func measure(prepare, do func(l load) op) func(context.Context, *target, load) (sample, error) {
	return func(ctx context.Context, t *target, l load) (sample, error) {
		var p op
		if prepare != nil && t.name != noopName {
			p = prepare(l)
		}
		return drive(ctx, t, l, p, do(l))
	}
}

// create lets each client create keys of its own.
func create(l load) op {
	return func(ctx context.Context, w *worker) error {
		return w.create(ctx, fmt.Appendf(nil, "/registry/created/%d/%d/%d/%d/%d", l.clients, l.size, l.round, w.id, w.n))
	}
}

// update lets each client update 16 keys in turn.
func update(l load) op {
	return func(ctx context.Context, w *worker) error {
		return w.write(ctx, fmt.Appendf(nil, "/registry/updated/%d/%d/%d/%d/%d", l.clients, l.size, l.round, w.id, w.n%16))
	}
}

func readPrefix(size int) string { return fmt.Sprintf("/registry/read/%d/", size) }

func readKey(size, i int) []byte { return fmt.Appendf(nil, "%s%05d", readPrefix(size), i) }

func readEnd(size int) []byte { return []byte(readPrefix(size)[:len(readPrefix(size))-1] + "0") }

// fillers is how many clients write the keys that are read.
const fillers = 32

// fill writes the keys that are read, unless they are there.
func fill(l load) op {
	return func(ctx context.Context, w *worker) error {
		if w.id != 0 {
			return nil
		}
		if err := w.count(ctx, readKey(l.size, 0), readEnd(l.size), listed); err == nil {
			return nil
		}
		ws := make([]*worker, fillers)
		for i := range ws {
			ws[i] = &worker{id: i, kv: w.kv, value: w.value, rev: map[string]int64{}}
		}
		return each(ctx, ws, func(ctx context.Context, w *worker) error {
			for i := w.id; i < listed; i += fillers {
				if err := w.create(ctx, readKey(l.size, i)); err != nil {
					return err
				}
			}
			return nil
		})
	}
}

func get(serializable bool) func(load) op {
	return func(l load) op {
		return func(ctx context.Context, w *worker) error {
			return w.get(ctx, readKey(l.size, w.rng.IntN(listed)), serializable)
		}
	}
}

func list(limit int) func(load) op {
	return func(l load) op {
		return func(ctx context.Context, w *worker) error {
			return w.list(ctx, readKey(l.size, w.rng.IntN(listed-limit+1)), readEnd(l.size), limit, limit)
		}
	}
}

func count(l load) op {
	return func(ctx context.Context, w *worker) error {
		return w.count(ctx, readKey(l.size, 0), readEnd(l.size), listed)
	}
}

// mixed is a cluster at work: of 100 requests 72 update (most of them leases of kubelets),
// 8 create, 4 delete, 12 get and 4 list a page of 50.
func mixed(l load) op {
	key := func(w *worker, i int) []byte {
		return fmt.Appendf(nil, "/registry/mixed/%d/%d/%d/%d", l.clients, l.round, w.id, i)
	}
	return func(ctx context.Context, w *worker) error {
		switch k := w.n % 25; {
		case k == 24:
			return w.list(ctx, readKey(l.size, w.rng.IntN(listed-50)), readEnd(l.size), 50, 50)
		case k == 5 || k == 15: // creates
			return w.write(ctx, key(w, 1000+w.n))
		case k == 20: // deletes what was created five requests before
			return w.delete(ctx, key(w, 1000+w.n-5))
		case k%7 == 3:
			return w.get(ctx, readKey(l.size, w.rng.IntN(listed)), false)
		default:
			return w.write(ctx, key(w, w.n%16))
		}
	}
}

// quick is the part of the shapes that takes minutes.
func quick(s shape) shape {
	s.sizes = s.sizes[:1]
	if len(s.clients) > 2 {
		s.clients = s.clients[:2]
	}
	if s.name == "watch" || s.name == "list-10000" {
		s.clients = s.clients[:1]
	}
	return s
}

const quickDuration, fullDuration = time.Second, 3 * time.Second
