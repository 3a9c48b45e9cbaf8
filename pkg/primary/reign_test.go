package primary

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/netsy-io/netsy/pkg/objectlog"
	"github.com/netsy-io/netsy/pkg/objectstore"
	"github.com/netsy-io/netsy/pkg/objectstore/fault"
	"github.com/netsy-io/netsy/pkg/objectstore/memstore"
	"github.com/netsy-io/netsy/pkg/record"
	"github.com/netsy-io/netsy/pkg/snapshot"
)

func TestFirstReign(t *testing.T) {
	m := newWorld(t).machine("a")
	m.mustStart()
	if rev := m.st.Snapshot().Revision(); rev != 1 {
		t.Fatalf("an empty store is at revision %d, want 1", rev)
	}
	for i := 2; i <= 5; i++ {
		if rev := m.mustCreate(fmt.Sprint("k", i), "v"); rev != record.Revision(i) {
			t.Fatalf("write %d has revision %d", i, rev)
		}
	}
	if _, err := create(t.Context(), m.reign, "k2", "again"); !errors.Is(err, errExists) {
		t.Fatal(err)
	}
	m.agree()
}

func TestConcurrentWritesShareSlotsAndKeepOrder(t *testing.T) {
	m := newWorld(t).machine("a")
	m.mustStart()
	release := make(chan struct{})
	m.net.Inject(fault.Once(fault.Puts("chunks/"), fault.Hold(release)))
	const writers = 50
	revs := make([]record.Revision, writers)
	var wg sync.WaitGroup
	wg.Add(1)
	go func() { defer wg.Done(); revs[0] = m.mustCreate("first", "v") }()
	for i := 1; i < writers; i++ {
		wg.Go(func() { revs[i] = m.mustCreate(fmt.Sprint("k", i), "v") })
	}
	for len(m.reign.queue) > 0 { // all but the first wait for its slot
		time.Sleep(time.Millisecond)
	}
	close(release)
	wg.Wait()
	seen := map[record.Revision]bool{}
	for _, r := range revs {
		if r < 2 || r > writers+1 || seen[r] {
			t.Fatalf("revisions %v", revs)
		}
		seen[r] = true
	}
	if n := len(chunkKeys(t, m.w.bucket)); n >= writers {
		t.Fatalf("%d chunks for %d concurrent writes: nothing was grouped", n, writers)
	}
	m.agree()
}

func chunkKeys(t *testing.T, s objectstore.Store) []string {
	t.Helper()
	var keys []string
	if err := objectstore.ListAll(t.Context(), s, "chunks/", "", func(i objectstore.Info) error { keys = append(keys, i.Key); return nil }); err != nil {
		t.Fatal(err)
	}
	return keys
}

// A restarted Primary must never resume: the epoch it served is used up.
func TestServedEpochIsNotServedAgain(t *testing.T) {
	m := newWorld(t).machine("a")
	m.mustStart()
	m.mustCreate("k", "v")
	m.halt()
	m.boot()
	if err := m.startAt(t.Context(), m.w.epoch); err == nil {
		t.Fatal("the epoch was served twice")
	}
	m.mustStart()
	if v, rev, ok, err := m.read(t.Context(), "k"); v != "v" || rev != 2 || !ok || err != nil {
		t.Fatal(v, rev, ok, err)
	}
	m.agree()
}

// The seal shuts out a Primary that doesn't know yet: it acknowledges nothing more
// and stops, and what it serves as linearizable is refused.
func TestDeposedPrimaryAcknowledgesNothing(t *testing.T) {
	w := newWorld(t)
	a, b := w.machine("a"), w.machine("b")
	a.mustStart()
	a.mustCreate("k", "old")
	release := make(chan struct{})
	a.net.Inject(fault.Once(fault.Puts("chunks/"), fault.Hold(release)))
	inFlight := make(chan error, 1)
	go func() { _, err := create(within(t), a.reign, "paused", "x"); inFlight <- err }()

	b.mustStart()
	rev := b.mustCreate("k2", "new")
	close(release) // the paused PUT goes out only now
	if err := <-inFlight; !errors.Is(err, ErrUnknownOutcome) {
		t.Fatalf("a write of a deposed Primary ended with %v", err)
	}
	<-a.reign.Over()
	if err := a.reign.Err(); !errors.Is(err, ErrDeposed) {
		t.Fatalf("the reign ended with %v", err)
	}
	if _, _, _, err := a.read(t.Context(), "k"); err == nil {
		t.Fatal("a deposed Primary answered a linearizable read")
	}
	if _, err := create(t.Context(), a.reign, "k3", "x"); !errors.Is(err, ErrNotPrimary) {
		t.Fatal(err)
	}
	a.reign = nil
	a.mustStart() // it may be chosen again later, and adopts what it missed
	if v, got, _, err := a.read(t.Context(), "k2"); v != "new" || got != rev || err != nil {
		t.Fatal(v, got, err)
	}
	if _, _, ok, _ := a.read(t.Context(), "paused"); ok {
		t.Fatal("a write that lost its slot is in the history")
	}
	a.agree()
}

// A deposed Primary without a lease learns it from cluster.json at the next read,
// or at a compare that fails: nothing stale is served.
func TestReadsNeedProofOfReign(t *testing.T) {
	w := newWorld(t)
	a := w.machine("a")
	a.mustStart()
	a.mustCreate("k", "v")
	w.set(func() { w.epoch++ }) // another reign has begun elsewhere
	if _, err := create(t.Context(), a.reign, "k", "x"); err == nil || errors.Is(err, errExists) {
		t.Fatalf("a failed compare was answered without proof of reign: %v", err)
	}
	if _, _, _, err := a.read(t.Context(), "k"); err == nil {
		t.Fatal("a read was answered without proof of reign")
	}
	<-a.reign.Over()
	if err := a.reign.Err(); !errors.Is(err, ErrDeposed) {
		t.Fatal(err)
	}
}

func TestLeaseSparesTheQuestion(t *testing.T) {
	w := newWorld(t)
	a := w.machine("a")
	a.mustStart()
	a.mustCreate("k", "v")
	nobody := errors.New("nobody may ask")
	a.deny(nobody)
	if _, _, _, err := a.read(t.Context(), "k"); !errors.Is(err, nobody) {
		t.Fatal(err)
	}
	a.reign.RenewLease(ReadLease{Epoch: w.epoch + 1, Sent: time.Now(), Duration: time.Hour})
	if _, _, _, err := a.read(t.Context(), "k"); !errors.Is(err, nobody) {
		t.Fatal("another epoch's lease was good enough")
	}
	a.reign.RenewLease(ReadLease{Epoch: w.epoch, Sent: time.Now(), Duration: time.Hour})
	if v, _, _, err := a.read(t.Context(), "k"); v != "v" || err != nil {
		t.Fatal(v, err)
	}
}

// Records that a crashed Primary had stored but not logged are uploaded by the next
// reign with their own epochs; those that lost their slot to a chunk are removed.
func TestTentativeRecordsAfterACrash(t *testing.T) {
	w := newWorld(t)
	a := w.machine("a")
	a.mustStart()
	a.mustCreate("k", "v")
	cut := fault.If(fault.Puts("chunks/"), fault.Fail(objectstore.ErrUnavailable))
	a.net.Inject(cut)
	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		for a.st.Tail().Revision < 3 { // it is in SQLite, and can't reach the log
			time.Sleep(time.Millisecond)
		}
		cancel()
	}()
	if _, err := create(ctx, a.reign, "tentative", "t"); !errors.Is(err, context.Canceled) {
		t.Fatal(err)
	}
	a.halt()
	a.net.Heal()
	a.boot()
	a.mustStart()
	if v, rev, _, err := a.read(t.Context(), "tentative"); v != "t" || rev != 3 || err != nil {
		t.Fatal(v, rev, err)
	}
	if log := w.logged(); log[2].Epoch != 1 || log[3].Epoch != 2 {
		t.Fatalf("epochs %d, %d: an uploaded record keeps its own", log[2].Epoch, log[3].Epoch)
	}
	a.agree()
}

func TestStartingPrimaryStopsAtAHigherEpoch(t *testing.T) {
	w := newWorld(t)
	a, b := w.machine("a"), w.machine("b")
	a.mustStart()
	w.set(func() { w.epoch = 5 })
	b.mustStart() // epoch 6 seals the log
	a.reign.Stop(ErrStopped)
	w.set(func() { w.epoch = 3 }) // cluster.json would have told as well
	err := a.startAt(t.Context(), 3)
	var higher *HigherEpochError
	if !errors.As(err, &higher) || higher.Seen != 6 || !errors.Is(err, ErrDeposed) {
		t.Fatal(err)
	}
}

func TestSlotFreedByASnapshotStopsTheStart(t *testing.T) {
	w := newWorld(t)
	a := w.machine("a")
	a.net.Inject(fault.After(func(r *fault.Request, err error) {
		if r.Op == "put" { // as if a compactor had moved on while this one was paused
			key := "snapshots/" + record.Revision(9).Key() + ".netsy"
			_, _ = w.bucket.Put(context.Background(), key, []byte("x"), objectstore.Always())
		}
	}))
	if err := a.start(t.Context()); !errors.Is(err, objectlog.ErrSlotFreed) {
		t.Fatal(err)
	}
}

func TestDrainAnswersWhatWasTaken(t *testing.T) {
	m := newWorld(t).machine("a")
	m.mustStart()
	release := make(chan struct{})
	m.net.Inject(fault.Once(fault.Puts("chunks/"), fault.Hold(release)))
	done := make(chan error, 1)
	go func() { _, err := create(within(t), m.reign, "k", "v"); done <- err }()
	for m.st.Tail().Revision < 2 {
		time.Sleep(time.Millisecond)
	}
	drained := make(chan error, 1)
	go func() { drained <- m.reign.Drain(within(t)) }()
	for !m.reign.draining.Load() {
		time.Sleep(time.Millisecond)
	}
	if _, err := create(t.Context(), m.reign, "late", "v"); !errors.Is(err, ErrDraining) {
		t.Fatal(err)
	}
	close(release)
	if err := errors.Join(<-done, <-drained); err != nil {
		t.Fatal(err)
	}
	if err := m.reign.Err(); !errors.Is(err, ErrStopped) {
		t.Fatal(err)
	}
}

func TestDrainIsCutShort(t *testing.T) {
	m := newWorld(t).machine("a")
	m.mustStart()
	m.net.Inject(fault.If(fault.Puts("chunks/"), fault.Fail(objectstore.ErrUnavailable)))
	done := make(chan error, 1)
	go func() { _, err := create(within(t), m.reign, "k", "v"); done <- err }()
	for m.st.Tail().Revision < 2 {
		time.Sleep(time.Millisecond)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := m.reign.Drain(ctx); !errors.Is(err, context.Canceled) {
		t.Fatal(err)
	}
	if err := <-done; !errors.Is(err, ErrUnknownOutcome) {
		t.Fatal(err)
	}
}

func TestLeaseExpiryIsARevisionedDelete(t *testing.T) {
	m := newWorld(t).machine("a")
	m.mustStart()
	id, _, err := m.reign.LeaseGrant(t.Context(), 2)
	if err != nil {
		t.Fatal(err)
	}
	req := createTxn("event", "v")
	req.Success[0].GetRequestPut().Lease = id
	if _, err := m.reign.Txn(t.Context(), req); err != nil {
		t.Fatal(err)
	}
	if err := m.reign.expire(t.Context(), []byte("event"), id+1); err != nil { // another lease's end changes nothing
		t.Fatal(err)
	}
	if _, _, ok, _ := m.read(t.Context(), "event"); !ok {
		t.Fatal("deleted by a lease that it doesn't hold")
	}
	if err := m.reign.expire(t.Context(), []byte("event"), id); err != nil {
		t.Fatal(err)
	}
	if _, _, ok, _ := m.read(t.Context(), "event"); ok {
		t.Fatal("still there")
	}
	log := m.w.logged()
	if last := log[len(log)-1]; !last.Deleted || last.Revision != 3 {
		t.Fatalf("%+v", last)
	}
}

// TestBeyondTheOrigin: a copy that is older than the cluster's own beginning has nothing to
// add to it, though it agrees as far as that goes.
func TestBeyondTheOrigin(t *testing.T) {
	for name, sealed := range map[string]bool{"no reign has begun": false, "a reign has sealed the log": true} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			old := w.machine("old")
			old.mustStart()
			for _, k := range []string{"a", "b", "c"} {
				old.mustCreate(k, "v")
			}
			origin := old.st.Snapshot().Revision()
			cfg := old.reign.cfg
			draft, _, err := cfg.Snapshots.Merge(t.Context(), cfg.Log, snapshot.MergeOptions{})
			if err != nil {
				t.Fatal(err)
			}
			defer draft.Close()
			old.mustCreate("to go", "v")
			old.halt()
			// A new bucket, with what the old one held before that.
			mem := memstore.New(nil)
			if _, err := snapshot.New(mem, snapshot.Options{}).Publish(t.Context(), draft, nil); err != nil {
				t.Fatal(err)
			}
			w.bucket, w.origin = mem, origin
			if sealed {
				w.machine("new").mustStart()
			}
			old.net = fault.New(mem)
			old.boot()
			err = old.start(t.Context())
			var beyond *BeyondOriginError
			if errors.As(err, &beyond) == sealed || (err == nil) != sealed {
				t.Fatal(err)
			}
		})
	}
}
