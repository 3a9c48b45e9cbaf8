package main

import (
	"bytes"
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"time"
)

// listed is how many keys there are to read.
const listed = 10_000

// shape is a kind of load.
type shape struct {
	name    string
	group   string // shapes of a group, with values of a size, share servers; "": each load has its own
	clients []int  // watchers, of the watch shapes
	sizes   []int
	quick   []int // clients, of -quick
	run     func(ctx context.Context, t *target, l load) (sample, error)
}

var (
	someClients = []int{1, 64, 512}
	bothSizes   = []int{1 << 10, 16 << 10}
	small       = []int{1 << 10}
)

var shapes = []shape{
	{"create", "", someClients, bothSizes, []int{1, 64}, measure(create)},
	{"update", "", someClients, bothSizes, []int{64}, measure(update)},
	{"get", "read", someClients, bothSizes, []int{64}, measure(get(false))},
	{"get-serializable", "read", someClients, bothSizes, []int{64}, measure(get(true))},
	{"list-500", "read", []int{1, 64}, small, []int{64}, measure(list(500))},
	{"list-10000", "read", []int{1, 8}, small, []int{1}, measure(list(listed))},
	{"count", "read", []int{1, 64}, small, []int{64}, measure(count)},
	{"mixed", "", []int{64, 512}, small, []int{64}, measure(mixed)},
	{"watch", "", []int{200, 2000}, small, []int{200}, watchers},
}

func measure(of func(load) work) func(context.Context, *target, load) (sample, error) {
	return func(ctx context.Context, t *target, l load) (sample, error) {
		return drive(ctx, t, l, of(l))
	}
}

// create lets each client create keys of its own.
func create(l load) work {
	prefix := fmt.Sprintf("/registry/created/%d/%d/%d/", l.clients, l.size, l.round)
	return work{
		do: func(ctx context.Context, w *worker) error {
			return w.create(ctx, fmt.Appendf(nil, "%s%d/%d", prefix, w.id, w.n), w.value)
		},
		check: hasAll(prefix),
	}
}

// update lets each client update 16 keys in turn.
func update(l load) work {
	prefix := fmt.Sprintf("/registry/updated/%d/%d/%d/", l.clients, l.size, l.round)
	return work{
		do: func(ctx context.Context, w *worker) error {
			return w.write(ctx, fmt.Appendf(nil, "%s%d/%d", prefix, w.id, w.n%16))
		},
		check: hasLast(prefix, l.size),
	}
}

func readPrefix(size int) string { return fmt.Sprintf("/registry/read/%d/", size) }

func readKey(size, i int) []byte { return fmt.Appendf(nil, "%s%05d", readPrefix(size), i) }

// readTexts are the texts that the values that are read are made of, by size.
var readTexts sync.Map

func readText(size int) []byte {
	t, ok := readTexts.Load(size)
	if !ok {
		t, _ = readTexts.LoadOrStore(size, text(rand.New(rand.NewPCG(0, 0)), size))
	}
	return t.([]byte)
}

// readValue is the value of a key that is read: it begins with its key.
func readValue(size int, key []byte) []byte {
	v := slices.Clone(readText(size))
	copy(v, key)
	return v
}

// isReadValue compares without making the value.
func isReadValue(v []byte, size int, key []byte) bool {
	n := min(len(key), size)
	return len(v) == size && bytes.Equal(v[:n], key[:n]) && bytes.Equal(v[n:], readText(size)[n:])
}

// fillers is how many clients write the keys that are read.
const fillers = 64

// fill writes the keys that are read, unless they are there.
func fill(l load) op {
	return func(ctx context.Context, w *worker) error {
		if w.id != 0 || w.blind {
			return nil
		}
		from, to := []byte(readPrefix(l.size)), end(readPrefix(l.size))
		if n, err := w.count(ctx, from, to); err != nil || n == listed {
			return err
		}
		ws := make([]*worker, fillers)
		for i := range ws {
			ws[i] = &worker{id: i, kv: w.kv}
		}
		err := each(ctx, ws, func(ctx context.Context, w *worker) error {
			for i := w.id; i < listed; i += fillers {
				key := readKey(l.size, i)
				if err := w.create(ctx, key, readValue(l.size, key)); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			return err
		}
		return countIs(ctx, w, from, to, listed)
	}
}

func countIs(ctx context.Context, w *worker, from, to []byte, want int64) error {
	n, err := w.count(ctx, from, to)
	if err == nil && n != want {
		err = fmt.Errorf("%d keys are counted from %s on, where %d are", n, from, want)
	}
	return err
}

func get(serializable bool) func(load) work {
	return func(l load) work {
		return work{prepare: fill(l), do: func(ctx context.Context, w *worker) error {
			return w.get(ctx, readKey(l.size, w.rng.IntN(listed)), l.size, serializable)
		}}
	}
}

func list(limit int) func(load) work {
	return func(l load) work {
		return work{prepare: fill(l), do: func(ctx context.Context, w *worker) error { return page(ctx, w, l.size, limit) }}
	}
}

// page reads a page from anywhere among the keys that are read. Its keys rise and it ends as it
// must, so with their number right none of them is missing; the value of one is compared, of
// all others the length.
func page(ctx context.Context, w *worker, size, limit int) error {
	first := w.rng.IntN(listed - limit + 1)
	resp, err := w.list(ctx, readKey(size, first), end(readPrefix(size)), limit)
	if err != nil {
		return err
	}
	if len(resp.Kvs) != limit {
		return fmt.Errorf("a list of %d has %d", limit, len(resp.Kvs))
	}
	if w.blind {
		return nil
	}
	for i, kv := range resp.Kvs {
		if len(kv.Value) != size || i > 0 && string(kv.Key) <= string(resp.Kvs[i-1].Key) {
			return fmt.Errorf("a list has %s, with %d bytes, in place %d", kv.Key, len(kv.Value), i)
		}
	}
	one := w.rng.IntN(limit)
	for _, i := range []int{0, one, limit - 1} {
		if key := readKey(size, first+i); string(resp.Kvs[i].Key) != string(key) {
			return fmt.Errorf("a list has %s in the place of %s", resp.Kvs[i].Key, key)
		}
	}
	if more := first+limit < listed; resp.More != more {
		return fmt.Errorf("a list up to %s says that there is more: %v", resp.Kvs[limit-1].Key, resp.More)
	}
	return w.compare(resp.Kvs[one], size)
}

func count(l load) work {
	return work{prepare: fill(l), do: func(ctx context.Context, w *worker) error {
		return countIs(ctx, w, readKey(l.size, 0), end(readPrefix(l.size)), listed)
	}}
}

// mixed is a cluster at work: of 100 requests 72 update (most of them leases of kubelets),
// 8 create, 4 delete, 12 get and 4 list a page of 50.
func mixed(l load) work {
	prefix := fmt.Sprintf("/registry/mixed/%d/%d/%d/", l.clients, l.size, l.round)
	key := func(w *worker, i int) []byte { return fmt.Appendf(nil, "%s%d/%d", prefix, w.id, i) }
	do := func(ctx context.Context, w *worker) error {
		switch k := w.n % 25; {
		case k == 24:
			return page(ctx, w, l.size, 50)
		case k == 5 || k == 15: // creates
			return w.write(ctx, key(w, 1000+w.n))
		case k == 20: // deletes what was created five requests before
			return w.delete(ctx, key(w, 1000+w.n-5))
		case k%7 == 3:
			return w.get(ctx, readKey(l.size, w.rng.IntN(listed)), l.size, false)
		default:
			return w.write(ctx, key(w, w.n%16))
		}
	}
	return work{prepare: fill(l), do: do, check: hasLast(prefix, l.size)}
}

// briefly is the part of a shape that takes minutes.
func (s shape) briefly() shape {
	s.sizes, s.clients, s.group = s.sizes[:1], s.quick, "all"
	return s
}

const quickDuration, fullDuration = 400 * time.Millisecond, 2 * time.Second
