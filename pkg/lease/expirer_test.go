package lease

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.etcd.io/etcd/api/v3/mvccpb"
)

// primary stands for the sequencer: it holds keys and deletes on request.
type primary struct {
	t       *testing.T
	e       *Expirer
	started time.Time
	mu      sync.Mutex
	keys    map[string]int64
	deleted map[string]time.Duration // since started
	fail    error
	busy    int
	most    int
	calls   int
}

// reign starts an Expirer over keys, as a new Primary does.
func reign(t *testing.T, keys map[string]int64) *primary {
	p := &primary{t: t, keys: keys, deleted: map[string]time.Duration{}, started: time.Now()}
	p.e = NewExpirer(p.started, p.expire)
	for k, l := range keys {
		p.e.Attach([]byte(k), l)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() { defer close(done); p.e.Run(ctx) }()
	t.Cleanup(func() { cancel(); <-done })
	return p
}

func (p *primary) expire(ctx context.Context, key []byte, lease int64) error {
	p.mu.Lock()
	p.busy++
	p.calls++
	p.most = max(p.most, p.busy)
	p.mu.Unlock()
	time.Sleep(10 * time.Millisecond) // a commit
	p.mu.Lock()
	defer p.mu.Unlock()
	p.busy--
	if p.fail != nil {
		return p.fail
	}
	k := string(key)
	if p.keys[k] != lease {
		return nil
	}
	delete(p.keys, k)
	p.deleted[k] = time.Since(p.started)
	p.e.Observe([]*mvccpb.Event{{Type: mvccpb.DELETE, Kv: &mvccpb.KeyValue{Key: key}}})
	return nil
}

func (p *primary) put(key string, lease int64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.keys[key] = lease
	p.e.Observe([]*mvccpb.Event{{Kv: &mvccpb.KeyValue{Key: []byte(key), Lease: lease}}})
}

func (p *primary) grant(ttl int64) int64 {
	p.t.Helper()
	id, granted, err := p.e.Grant(ttl)
	if err != nil || granted != max(ttl, 2) {
		p.t.Fatalf("granted %d of %d: %v", granted, ttl, err)
	}
	return id
}

func (p *primary) setFail(err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.fail = err
}

func (p *primary) attempts() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.calls
}

// at returns when key was deleted, in whole seconds, -1 if it wasn't.
func (p *primary) at(key string) int {
	p.mu.Lock()
	defer p.mu.Unlock()
	if d, ok := p.deleted[key]; ok {
		return int(d / time.Second)
	}
	return -1
}

func (p *primary) expect(key string, at int) {
	p.t.Helper()
	synctest.Wait()
	if got := p.at(key); got != at {
		p.t.Errorf("%s: deleted at %d s, want %d", key, got, at)
	}
}

func inBubble(t *testing.T, f func(t *testing.T)) { t.Helper(); synctest.Test(t, f) }

func TestKeysGoWithTheirLease(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		p := reign(t, map[string]int64{})
		time.Sleep(3 * time.Second)
		short, long := p.grant(1), p.grant(10)
		p.put("a", short)
		p.put("b", short)
		p.put("c", long)
		p.put("d", 0)
		time.Sleep(time.Minute)
		p.expect("a", 5)
		p.expect("b", 5)
		p.expect("c", 13)
		p.expect("d", -1)
	})
}

func TestAnotherPutRearms(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		p := reign(t, map[string]int64{})
		for range 5 { // renewed, as kube-apiserver does: a new lease each time
			p.put("master", p.grant(15))
			time.Sleep(10 * time.Second)
		}
		p.put("freed", p.grant(15))
		p.put("freed", 0)
		time.Sleep(time.Hour)
		p.expect("master", 55)
		p.expect("freed", -1)
		if n := p.attempts(); n != 1 {
			t.Errorf("%d deletions were tried, want 1", n)
		}
	})
}

func TestEarlierLeasesCountFromTheReignsStart(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		old := reign(t, map[string]int64{})
		time.Sleep(time.Hour)
		id := old.grant(20)
		time.Sleep(15 * time.Second)
		p := reign(t, map[string]int64{"a": id})
		time.Sleep(19 * time.Second)
		if err := p.e.Valid(id); err != nil {
			t.Error(err)
		}
		p.put("b", id)
		time.Sleep(time.Minute)
		p.expect("a", 20)
		p.expect("b", 20)
		if err := p.e.Valid(id); !errors.Is(err, ErrLeaseNotFound) {
			t.Errorf("got %v", err)
		}
	})
}

func TestValid(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		p := reign(t, map[string]int64{})
		time.Sleep(time.Minute)
		id := p.grant(30)
		for _, bad := range []int64{0, -4, 12345, id ^ 1<<62 | -1<<63} {
			if err := p.e.Valid(bad); !errors.Is(err, ErrLeaseNotFound) {
				t.Errorf("%d: %v", bad, err)
			}
		}
		time.Sleep(30*time.Second - 1)
		if err := p.e.Valid(id); err != nil {
			t.Error(err)
		}
		time.Sleep(1 * time.Nanosecond)
		synctest.Wait()
		if err := p.e.Valid(id); !errors.Is(err, ErrLeaseNotFound) {
			t.Errorf("got %v", err)
		}
		p.put("late", id) // evaluated in time, committed too late
		time.Sleep(time.Second)
		p.expect("late", 90)
	})
}

func TestGrantBounds(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		p := reign(t, map[string]int64{})
		for _, ttl := range []int64{MaxTTL + 1, 1 << 62} {
			if _, _, err := p.e.Grant(ttl); !errors.Is(err, ErrLeaseTTLTooLarge) {
				t.Errorf("%d: %v", ttl, err)
			}
		}
		for _, ttl := range []int64{-5, 0, 1, 2, MaxTTL} {
			p.grant(ttl)
		}
	})
}

func TestIDsAreUniqueAndForgotten(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		p := reign(t, map[string]int64{})
		seen := map[int64]bool{}
		for range maxIdle {
			id := p.grant(5)
			if _, err := Parse(id); err != nil || seen[id] {
				t.Fatalf("%d: %v, seen %v", id, err, seen[id])
			}
			seen[id] = true
		}
		if _, _, err := p.e.Grant(5); !errors.Is(err, ErrTooManyLeases) {
			t.Errorf("got %v", err)
		}
		time.Sleep(5 * time.Second)
		synctest.Wait()
		if n := len(p.e.table.leases); n != 0 {
			t.Errorf("%d leases stay behind", n)
		}
		if id := p.grant(5); seen[id] {
			t.Error("an id was used twice")
		}
	})
}

func TestFailuresAreRepeated(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		p := reign(t, map[string]int64{})
		p.setFail(errors.New("object storage is away"))
		for i := range 200 {
			p.put(fmt.Sprint(i), p.grant(2))
		}
		time.Sleep(10 * time.Second)
		p.setFail(nil)
		time.Sleep(3 * time.Second)
		for i := range 200 {
			if at := p.at(fmt.Sprint(i)); at < 10 || at > 12 {
				t.Errorf("%d: deleted at %d", i, at)
			}
		}
		if n := p.attempts(); n > 200*12 {
			t.Errorf("%d attempts in 13 s", n)
		}
		if p.most > maxInFlight || p.most < 2 {
			t.Errorf("%d deletions at once, want many, at most %d", p.most, maxInFlight)
		}
	})
}

func TestLargeLease(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		p := reign(t, map[string]int64{})
		id := p.grant(2)
		const n = 3*sweepSize + 7
		for i := range n {
			p.put(fmt.Sprint(i), id)
		}
		time.Sleep(2*time.Second + 10*time.Millisecond*(n/maxInFlight+5))
		synctest.Wait()
		if len(p.deleted) != n || p.calls != n {
			t.Errorf("%d of %d deleted, in %d attempts", len(p.deleted), n, p.calls)
		}
		if len(p.e.table.leases) != 0 || len(p.e.table.keys) != 0 {
			t.Error("something stays behind")
		}
	})
}

// A pass that fails must not be followed by another at once, however much is left.
func TestFailuresOfALargeLease(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		p := reign(t, map[string]int64{})
		p.setFail(errors.New("object storage is away"))
		id := p.grant(2)
		for i := range 2 * sweepSize {
			p.put(fmt.Sprint(i), id)
		}
		time.Sleep(12 * time.Second)
		if n := p.attempts(); n > 10*sweepSize {
			t.Errorf("%d attempts in 10 s", n)
		}
		p.setFail(nil)
		time.Sleep(5 * time.Second)
		synctest.Wait()
		if len(p.deleted) != 2*sweepSize {
			t.Errorf("%d deleted", len(p.deleted))
		}
	})
}

// The event of a deletion ends the hold, whatever else it says.
func TestDeletionsDetach(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		p := reign(t, map[string]int64{})
		id := p.grant(2)
		p.put("a", id)
		p.e.Observe([]*mvccpb.Event{{Type: mvccpb.DELETE, Kv: &mvccpb.KeyValue{Key: []byte("a"), Lease: id}}})
		time.Sleep(time.Minute)
		if n := p.attempts(); n != 0 {
			t.Errorf("%d deletions of a key that is gone", n)
		}
	})
}

// Clocks may have made an earlier Primary grant the id that would come next.
func TestIDsOfEarlierReignsAreNotReused(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		earlier := reign(t, map[string]int64{}).grant(5) // the clock of a bubble stands still
		p := reign(t, map[string]int64{"a": earlier})
		if id := p.grant(5); id == earlier {
			t.Error("the lease of another key was granted")
		}
	})
}

func TestForeignIDsAreLeftAlone(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		p := reign(t, map[string]int64{"imported": 42})
		time.Sleep(200 * 24 * time.Hour)
		p.expect("imported", -1)
		if n := len(p.e.unreadable); n != 1 {
			t.Errorf("%d unreadable keys", n)
		}
		p.put("imported", 0)
		if n := len(p.e.unreadable); n != 0 {
			t.Errorf("%d unreadable keys", n)
		}
	})
}

func TestRunStopsWhileDeleting(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		stuck := make(chan struct{})
		e := NewExpirer(time.Now(), func(ctx context.Context, _ []byte, _ int64) error {
			close(stuck)
			<-ctx.Done()
			return ctx.Err()
		})
		id, _, err := e.Grant(2)
		if err != nil {
			t.Fatal(err)
		}
		e.Attach([]byte("a"), id)
		ctx, cancel := context.WithCancel(context.Background())
		done := make(chan struct{})
		go func() { defer close(done); e.Run(ctx) }()
		<-stuck
		cancel()
		<-done
	})
}
