package load

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/netsy-io/netsy/test/internal/check"
)

// opTimeout bounds one call of a writer. It is shorter than the server's own, so
// that both kinds of doubt occur.
const opTimeout = 5 * time.Second

// pace is the pause of a writer between ops: it keeps writers from spinning while
// nobody answers, and histories at a length that is judged in a moment.
const pace = 5 * time.Millisecond

// CounterKey holds "{number}:{op}"; each increment adds one to the number.
const CounterKey = "count/0"

// Load is a set of writers and a reader that work through one client until stopped.
type Load struct {
	H     *check.History
	C     *Client
	Name  string        // makes keys and values differ from those of other loads
	Limit time.Duration // of one call
	Pace  time.Duration // between two ops of a worker
	Work  []Job         // one worker each

	ctx    context.Context
	cancel context.CancelFunc
	calls  context.Context // of every op
	cut    context.CancelFunc
	wg     sync.WaitGroup
}

// Job is what a worker does again and again; n counts, from 0.
type Job func(ctx context.Context, r Recorded, n int)

// New makes a load with the usual workers. "race" and "count" keys are shared by all loads.
func New(h *check.History, c *Client, name string) *Load {
	return &Load{
		H: h, C: c, Name: name, Limit: opTimeout, Pace: pace,
		Work: []Job{Create, Create, CreateAndDelete, Race, Race, Increment, Increment, ReadOne},
	}
}

// Start starts New's load.
func Start(t testing.TB, h *check.History, c *Client, name string) *Load {
	l := New(h, c, name)
	l.Start(t)
	return l
}

// Start starts the workers. They end with the test at the latest.
func (l *Load) Start(t testing.TB) {
	l.ctx, l.cancel = context.WithCancel(context.Background())
	l.calls, l.cut = context.WithCancel(context.Background())
	t.Cleanup(l.Abort)
	for i, work := range l.Work {
		r := Recorded{Client: l.C, H: l.H, Name: fmt.Sprintf("%s-%d", l.Name, i)}
		l.wg.Go(func() {
			for n := 0; l.ctx.Err() == nil; n++ {
				// The call goes on when the load is stopped, so that stopping leaves no doubts.
				ctx, cancel := context.WithTimeout(l.calls, l.Limit)
				work(ctx, r, n)
				cancel()
				rest(l.ctx, l.Pace)
			}
		})
	}
}

// Stop lets every worker finish its op.
func (l *Load) Stop() {
	l.cancel()
	l.wg.Wait()
}

// Abort ends every op as well: what is not answered stays in doubt.
func (l *Load) Abort() {
	l.cut()
	l.Stop()
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

// Create makes a key that nobody else touches.
func Create(ctx context.Context, r Recorded, n int) {
	r.Write(ctx, check.Op{Key: fmt.Sprintf("create/%s/%d", r.Name, n), Value: value(r, n)})
}

// value is unlike any other of its key.
func value(r Recorded, n int) string { return fmt.Sprintf("%s/%d", r.Name, n) }

// CreateAndDelete makes a key and removes it again.
func CreateAndDelete(ctx context.Context, r Recorded, n int) {
	o := r.Write(ctx, check.Op{Key: fmt.Sprintf("delete/%s/%d", r.Name, n), Value: value(r, n)})
	if o.Outcome == check.Done {
		r.Write(ctx, check.Op{Kind: check.Delete, Key: o.Key, If: o.Rev})
	}
}

// Race makes a key that the other racers want to make too.
func Race(ctx context.Context, r Recorded, n int) {
	r.Write(ctx, check.Op{Key: fmt.Sprintf("race/%d", n), Value: value(r, n)})
}

// Increment adds one to the counter that everybody uses.
func Increment(ctx context.Context, r Recorded, n int) {
	o := r.Read(ctx, check.Op{Key: CounterKey})
	if o.Outcome != check.Done {
		return
	}
	var number, mod int64
	if len(o.Saw) == 1 {
		number, mod = check.CounterValue(o.Saw[0].Value), o.Saw[0].Rev
	}
	r.Write(ctx, check.Op{Key: CounterKey, Value: fmt.Sprintf("%d:%s", number+1, value(r, n)), If: mod})
}

// ReadOne reads the counter.
func ReadOne(ctx context.Context, r Recorded, _ int) { r.Read(ctx, check.Op{Key: CounterKey}) }

// ReadRace reads a key that is raced for about now, of a range of a few.
func ReadRace(ctx context.Context, r Recorded, n int) {
	r.Read(ctx, check.Op{Key: fmt.Sprintf("race/%d", n), End: fmt.Sprintf("race/%d0", n)})
}

// ReadSerializable reads the counter as the node knows it.
func ReadSerializable(ctx context.Context, r Recorded, _ int) {
	r.Read(ctx, check.Op{Key: CounterKey, Serializable: true})
}
