//go:build linux

package process

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	pb "go.etcd.io/etcd/api/v3/etcdserverpb"
)

// opTimeout bounds one call of a writer. It is shorter than the server's own, so
// that both kinds of doubt occur.
const opTimeout = 5 * time.Second

// pace is the pause of a writer between ops: it keeps writers from spinning while
// nobody answers, and histories at a length that is judged in a moment.
const pace = 5 * time.Millisecond

// load is a set of writers and a reader that work against one node until stopped.
type load struct {
	h      *history
	c      *client
	name   string
	limit  time.Duration            // of one op
	pace   time.Duration            // between two ops of a writer
	work   []func(id string, n int) // of one goroutine each, again and again
	ctx    context.Context
	cancel context.CancelFunc
	calls  context.Context // of every op
	cut    context.CancelFunc
	wg     sync.WaitGroup
}

// startLoad starts writers. name makes their keys and values differ from those of
// other loads; "race" and "count" keys are shared by all.
func startLoad(t testing.TB, h *history, c *client, name string) *load {
	l := newLoad(h, c, name)
	l.start(t)
	return l
}

func newLoad(h *history, c *client, name string) *load {
	l := &load{h: h, c: c, name: name, limit: opTimeout, pace: pace}
	l.work = []func(string, int){l.create, l.create, l.createAndDelete, l.race, l.race, l.increment, l.increment, l.read}
	l.ctx, l.cancel = context.WithCancel(context.Background())
	l.calls, l.cut = context.WithCancel(context.Background())
	return l
}

func (l *load) start(t testing.TB) {
	t.Cleanup(l.abort)
	for i, work := range l.work {
		id := fmt.Sprintf("%s-%d", l.name, i)
		l.wg.Go(func() {
			for n := 0; l.ctx.Err() == nil; n++ {
				work(id, n)
				rest(l.ctx, l.pace)
			}
		})
	}
}

// stop lets every writer finish its op.
func (l *load) stop() {
	l.cancel()
	l.wg.Wait()
}

// abort ends every op as well: what is not answered stays in doubt.
func (l *load) abort() {
	l.cut()
	l.stop()
}

// call bounds an op. It goes on when the load is stopped, so that stopping leaves no doubts.
func (l *load) call() (context.Context, context.CancelFunc) {
	return context.WithTimeout(l.calls, l.limit)
}

// rest pauses for d, or until ctx ends.
func rest(ctx context.Context, d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
	case <-t.C:
	}
}

// note records what became of an op and reports whether it is known to be done.
func (l *load) note(o op, resp *pb.TxnResponse, err error) op {
	o.Node, o.Err = l.c.node, err
	switch {
	case err != nil:
		o.Outcome = judge(err)
	case resp.Succeeded:
		o.Outcome, o.Rev = done, resp.Header.Revision
	default:
		o.Outcome = refused
	}
	l.h.add(o)
	return o
}

// create makes a key that nobody else touches.
func (l *load) create(id string, n int) {
	ctx, cancel := l.call()
	defer cancel()
	o := op{Key: fmt.Sprintf("create/%s/%d", id, n), Value: fmt.Sprintf("%s/%d", id, n)}
	resp, err := l.c.putIf(ctx, o.Key, o.Value, 0)
	l.note(o, resp, err)
}

func (l *load) createAndDelete(id string, n int) {
	ctx, cancel := l.call()
	defer cancel()
	o := op{Key: fmt.Sprintf("delete/%s/%d", id, n), Value: fmt.Sprintf("%s/%d", id, n)}
	resp, err := l.c.putIf(ctx, o.Key, o.Value, 0)
	if o = l.note(o, resp, err); o.Outcome != done {
		return
	}
	resp, err = l.c.deleteIf(ctx, o.Key, o.Rev)
	l.note(op{Key: o.Key}, resp, err)
}

// race makes a key that the other racers want to make too.
func (l *load) race(id string, n int) {
	ctx, cancel := l.call()
	defer cancel()
	o := op{Key: fmt.Sprintf("race/%d", n), Value: fmt.Sprintf("%s/%d", id, n)}
	resp, err := l.c.putIf(ctx, o.Key, o.Value, 0)
	l.note(o, resp, err)
}

// counterKey holds "{number}:{op}"; each increment adds one to the number.
const counterKey = "count/0"

func (l *load) increment(id string, n int) {
	ctx, cancel := l.call()
	defer cancel()
	before := l.h.acked.Load()
	r, err := l.c.get(ctx, counterKey)
	if err != nil {
		return
	}
	l.h.read(l.c.node, before, r.Header.Revision)
	var number, mod int64
	if len(r.Kvs) == 1 {
		number, mod = counterValue(string(r.Kvs[0].Value)), r.Kvs[0].ModRevision
	}
	o := op{Key: counterKey, Value: fmt.Sprintf("%d:%s/%d", number+1, id, n)}
	resp, err := l.c.putIf(ctx, o.Key, o.Value, mod)
	l.note(o, resp, err)
}

// counterValue is -1 for what no increment has written.
func counterValue(s string) int64 {
	digits, _, _ := strings.Cut(s, ":")
	n, err := strconv.ParseInt(digits, 10, 64)
	if err != nil {
		return -1
	}
	return n
}

// read asks for nothing but the present revision.
func (l *load) read(string, int) {
	ctx, cancel := l.call()
	defer cancel()
	before := l.h.acked.Load()
	r, err := l.c.get(ctx, "create/none")
	if err == nil {
		l.h.read(l.c.node, before, r.Header.Revision)
	}
}

// more waits until n more writes are acknowledged.
func (l *load) more(t testing.TB, ctx context.Context, n int64) {
	t.Helper()
	ctx, cancel := context.WithTimeout(ctx, eventTimeout)
	defer cancel()
	want := l.h.writes.Load() + n
	until(t, ctx, fmt.Sprintf("%d more writes are acknowledged", n), func(context.Context) error {
		if got := l.h.writes.Load(); got < want {
			return fmt.Errorf("%d of %d writes acknowledged", got, want)
		}
		return nil
	})
}

// sentinel makes one last write, however long it takes, and returns its revision:
// whatever was in doubt before has been decided by then.
func sentinel(t testing.TB, ctx context.Context, h *history, c *client) int64 {
	t.Helper()
	ctx, cancel := context.WithTimeout(ctx, eventTimeout)
	defer cancel()
	for n := 0; ; n++ {
		o := op{Key: fmt.Sprintf("sentinel/%d", h.writes.Load()), Value: fmt.Sprintf("sentinel/%s/%d/%d", t.Name(), h.writes.Load(), n), Node: c.node}
		r, err := c.get(ctx, o.Key)
		if err == nil {
			var mod int64
			if len(r.Kvs) == 1 {
				mod = r.Kvs[0].ModRevision
			}
			var resp *pb.TxnResponse
			resp, err = c.putIf(ctx, o.Key, o.Value, mod)
			switch {
			case err == nil && resp.Succeeded:
				o.Outcome, o.Rev = done, resp.Header.Revision
				h.add(o)
				return o.Rev
			case err == nil:
				err = errors.New("its key was changed")
				o.Outcome = refused
			default:
				o.Outcome = judge(err)
			}
			o.Err = err
			h.add(o)
		}
		select {
		case <-ctx.Done():
			t.Fatalf("no last write through %s: %v", c.node, err)
		case <-time.After(pollEvery):
		}
	}
}
