package migration

import (
	"fmt"
	"math/rand/v2"
	"testing"

	clientv3 "go.etcd.io/etcd/client/v3"
)

// workload writes to an etcd whatever etcd can: puts, deletes of a key and of many,
// transactions of several keys, leases that are revoked with their keys.
type workload struct {
	t   testing.TB
	c   *clientv3.Client
	rng *rand.Rand
	n   int
	// single keeps to what Netsy takes: one key a write, no revoking.
	single bool
}

func newWorkload(t testing.TB, c *clientv3.Client, single bool) *workload {
	return &workload{t: t, c: c, rng: rand.New(rand.NewPCG(7, 7)), single: single}
}

func (w *workload) key() string { return fmt.Sprintf("/registry/k%02d", w.rng.IntN(30)) }

func (w *workload) put(key string, opts ...clientv3.OpOption) clientv3.Op {
	w.n++
	return clientv3.OpPut(key, fmt.Sprint("value ", w.n), opts...)
}

func (w *workload) run(writes int) {
	w.t.Helper()
	for range writes {
		check(w.t, w.write())
	}
}

func (w *workload) write() error {
	ctx := within(w.t)
	switch n := w.rng.IntN(20); {
	case n < 4:
		_, err := w.c.Delete(ctx, w.key())
		return err
	case n == 4 && !w.single:
		_, err := w.c.Delete(ctx, "/registry/k1", clientv3.WithPrefix())
		return err
	case n < 8 && !w.single:
		_, err := w.c.Txn(ctx).Then(w.put("/registry/a"+w.key()), clientv3.OpDelete(w.key()), w.put("/registry/b"+w.key())).Commit()
		return err
	case n == 8:
		return w.lease()
	default:
		_, err := w.c.Do(ctx, w.put(w.key()))
		return err
	}
}

// lease puts two keys with a lease, which may be revoked.
func (w *workload) lease() error {
	ctx := within(w.t)
	l, err := w.c.Grant(ctx, 3600)
	if err != nil {
		return err
	}
	for range 2 {
		if _, err := w.c.Do(ctx, w.put(w.key(), clientv3.WithLease(l.ID))); err != nil {
			return err
		}
	}
	if w.single || w.rng.IntN(2) == 0 {
		return nil
	}
	_, err = w.c.Revoke(ctx, l.ID)
	return err
}
