package replication

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"

	"go.etcd.io/etcd/api/v3/etcdserverpb"
	"go.etcd.io/etcd/api/v3/mvccpb"
	"pgregory.net/rapid"

	"github.com/netsy-io/netsy/pkg/mvcc"
	"github.com/netsy-io/netsy/pkg/record"
)

// TestPublishedRule: whatever order the Applier hears things in, it publishes the
// committed part of what is stored, no more and no less.
func TestPublishedRule(t *testing.T) {
	for _, limit := range []int{0, 3 * (2 + recordOverhead), 64 << 20} {
		t.Run(fmt.Sprint(limit), func(t *testing.T) {
			p := newNode(t, "p")
			p.reign(1)
			p.write(60)
			all := p.records()
			r := newNode(t, "r")
			r.applier.pending.limit = limit
			if limit > 1<<20 {
				r.applier.part = 2 // after a value or two
			}
			rng := rand.New(rand.NewPCG(1, uint64(limit)))
			stored, committed, compacted := 0, 0, 0
			if _, err := r.st.Promise(t.Context(), 1); err != nil {
				t.Fatal(err)
			}
			for stored < len(all) {
				switch rng.IntN(5) {
				case 0, 1:
					n := min(len(all), stored+1+rng.IntN(4))
					if err := r.st.AppendFollowed(t.Context(), 1, all[stored:n]); err != nil {
						t.Fatal(err)
					}
					r.applier.Stored(t.Context(), all[stored:n])
					stored = n
				case 2, 3:
					committed = min(len(all), committed+rng.IntN(6))
					compacted = max(compacted, committed-rng.IntN(20))
				case 4:
					r.applier.Agreed(record.Revision(stored)) // another stream
				}
				if err := r.applier.Committed(t.Context(), record.Revision(committed), record.Revision(compacted)); err != nil {
					t.Fatal(err)
				}
				want := record.Revision(min(stored, committed))
				if got := r.st.Snapshot().Revision(); got != want || r.hub.Revision() != want {
					t.Fatalf("stored %d, committed %d: published %d, hub at %d", stored, committed, got, r.hub.Revision())
				}
				if got := r.st.CompactRevision(); got != min(want, record.Revision(compacted)) {
					t.Fatalf("published %d, compacted %d: compacted %d", want, compacted, got)
				}
			}
			p.publish()
			if err := r.applier.Committed(t.Context(), p.w.Revision(), 0); err != nil {
				t.Fatal(err)
			}
			if a, b := p.state(), r.state(); a != b {
				t.Fatalf("%s\n%s", a, b)
			}
		})
	}
}

// TestNothingAgreed: an Applier that was told of no history publishes none.
func TestNothingAgreed(t *testing.T) {
	r := newNode(t, "r")
	if err := r.st.AppendLogged(t.Context(), run(1, 1, 5)); err != nil {
		t.Fatal(err)
	}
	if err := r.applier.Committed(t.Context(), 5, 0); err != nil || r.st.Snapshot().Revision() != 0 {
		t.Fatal(err, r.st.Snapshot().Revision())
	}
}

// TestNeverUnstored: were the Applier told of records that aren't stored, the store would
// refuse to show them, and watches would hear of nothing. It recovers by itself.
func TestNeverUnstored(t *testing.T) {
	r := newNode(t, "r")
	ctx := t.Context()
	recs := run(1, 1, 6)
	if err := r.st.AppendFollowed(ctx, 1, recs[:3]); err != nil {
		t.Fatal(err)
	}
	r.applier.Agreed(3)
	if err := r.applier.Committed(ctx, 3, 0); err != nil {
		t.Fatal(err)
	}
	r.applier.Stored(ctx, recs[3:])
	if err := r.applier.Committed(ctx, 6, 0); !errors.Is(err, mvcc.ErrNotStored) {
		t.Fatal(err)
	}
	if r.st.Snapshot().Revision() != 3 || r.hub.Revision() != 3 {
		t.Fatalf("published %d, hub at %d", r.st.Snapshot().Revision(), r.hub.Revision())
	}
	if err := r.st.AppendFollowed(ctx, 1, recs[3:]); err != nil {
		t.Fatal(err)
	}
	if err := r.applier.Committed(ctx, 6, 0); err != nil || r.st.Snapshot().Revision() != 6 || r.st.Snapshot().Len() != 5 || r.hub.Revision() != 6 {
		t.Fatal(err, r.st.Snapshot().Revision(), r.st.Snapshot().Len(), r.hub.Revision())
	}
}

// TestReplacedBetween: what was kept in memory is of no use once others have changed the
// copy: here, a start as Primary that loaded the object log and got no further.
func TestReplacedBetween(t *testing.T) {
	p, r := newNode(t, "p"), newNode(t, "r")
	ctx := t.Context()
	stale := run(1, 1, 6)
	for _, n := range []*node{p, r} {
		if err := n.st.AppendFollowed(ctx, 1, stale[:3]); err != nil {
			t.Fatal(err)
		}
	}
	r.applier.Agreed(3)
	if err := r.applier.Committed(ctx, 3, 0); err != nil {
		t.Fatal(err)
	}
	if err := r.st.AppendFollowed(ctx, 1, stale[3:]); err != nil {
		t.Fatal(err)
	}
	r.applier.Stored(ctx, stale[3:])
	if err := r.st.TruncateAfter(ctx, 3); err != nil {
		t.Fatal(err)
	}
	for _, n := range []*node{p, r} {
		if err := n.st.AppendLogged(ctx, run(2, 4, 6)); err != nil {
			t.Fatal(err)
		}
	}
	f := p.reign(3)
	r.follow(3, newLink(t, f, "r"))
	rev := p.write(1)
	p.commit()
	r.awaitPublished(rev)
	sameCopy(t, p, r)
}

// TestReignBetween: the node reigns between two streams; the Applier goes on from what
// the reign has published.
func TestReignBetween(t *testing.T) {
	a, b := newNode(t, "a"), newNode(t, "b")
	for e := record.Epoch(1); e < 7; e += 2 {
		f := a.reign(e)
		following := b.follow(e, newLink(t, f, "b"))
		rev := a.write(5)
		a.commit()
		b.awaitPublished(rev)
		following.stop()
		a.abdicate()
		f = b.reign(e + 1)
		following = a.follow(e+1, newLink(t, f, "a"))
		rev = b.write(5)
		b.commit()
		a.awaitPublished(rev)
		sameCopy(t, a, b)
		following.stop()
	}
}

// TestWatchesOnAReplica: a watch sees every change once, in order, over streams that
// come and go.
func TestWatchesOnAReplica(t *testing.T) {
	p, r := newNode(t, "p"), newNode(t, "r")
	f := p.reign(1)
	var mu sync.Mutex
	var seen []*mvccpb.Event
	ctx, cancel := context.WithCancel(t.Context())
	s := r.hub.NewStream()
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			resp, err := s.Recv(ctx)
			if err != nil {
				return
			}
			mu.Lock()
			seen = append(seen, resp.Events...)
			mu.Unlock()
		}
	}()
	defer func() { cancel(); s.Close(); <-done }()
	if err := s.Create(ctx, &etcdserverpb.WatchCreateRequest{Key: []byte{0}, RangeEnd: []byte{0}, StartRevision: 1}); err != nil {
		t.Fatal(err)
	}
	for n := range 6 {
		l := newLink(t, f, "r")
		following := r.follow(1, l)
		if n%2 == 1 {
			r.applier.pending.limit = 1 // from the store
		}
		for range 5 {
			p.write(3)
			p.commit()
		}
		r.awaitPublished(p.w.Revision())
		following.stop()
	}
	want := record.Revision(2)
	for want <= p.w.Revision() {
		mu.Lock()
		evs := seen
		seen = nil
		mu.Unlock()
		for _, ev := range evs {
			if record.Revision(ev.Kv.ModRevision) != want {
				t.Fatalf("event of revision %d instead of %d", ev.Kv.ModRevision, want)
			}
			want++
		}
	}
}

// TestPending: the run in memory is exact or absent, within its bound.
func TestPending(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p := pending{limit: rapid.IntRange(0, 20).Draw(t, "limit") * (recordOverhead + 1)}
		next, taken := record.Revision(1), record.Revision(0)
		for range rapid.IntRange(1, 60).Draw(t, "steps") {
			if rapid.Bool().Draw(t, "add") {
				if rapid.IntRange(0, 9).Draw(t, "gap") == 0 {
					next += 3
				}
				var recs []record.Record
				for range rapid.IntRange(1, 5).Draw(t, "n") {
					for sub := range rapid.Int32Range(1, 2).Draw(t, "subs") {
						recs = append(recs, record.Record{Revision: next, Sub: sub, Key: []byte("k")})
					}
					next++
				}
				p.add(recs)
			} else {
				to := record.Revision(rapid.Int64Range(int64(taken), int64(next)-1).Draw(t, "to"))
				recs, ok := p.take(taken, to)
				want := taken
				for _, r := range recs {
					if r.Revision != want && (r.Revision != want+1 || r.Sub != 0) {
						t.Fatalf("%d.%d follows %d", r.Revision, r.Sub, want)
					}
					want = r.Revision
				}
				if ok && len(recs) > 0 && want != to || !ok && recs != nil {
					t.Fatalf("took %d..%d: %v %v", taken, to, recs, ok)
				}
				if ok && to > taken && len(recs) == 0 {
					t.Fatalf("nothing of %d..%d", taken, to)
				}
				taken = to
			}
			bytes := 0
			for _, r := range p.recs {
				bytes += r.Size() + recordOverhead
			}
			if bytes != p.bytes || bytes > p.limit {
				t.Fatalf("%d bytes, counted %d, limit %d", bytes, p.bytes, p.limit)
			}
		}
	})
}

// TestPublishedInParts: where the previous values are large, what is committed at once is published in parts, of
// whole revisions; a watch gets every event once, in order, with its previous value.
func TestPublishedInParts(t *testing.T) {
	r := newNode(t, "r")
	r.applier.part = 1
	ctx := t.Context()
	put := func(rev record.Revision, sub int32, key, value string, prev record.Revision) record.Record {
		return record.Record{Revision: rev, Sub: sub, Epoch: 1, Key: []byte(key), Value: []byte(value), Version: int64(rev), CreateRevision: 2, PrevRevision: prev, CreatedAt: testNow, LeaderID: "x"}
	}
	del := put(6, 0, "b", "", 4)
	del.Deleted = true
	recs := append(run(1, 1, 1), put(2, 0, "a", "a2", 0), put(3, 0, "b", "b3", 0),
		put(4, 0, "a", "a4", 2), put(4, 1, "b", "b4", 3), put(5, 0, "a", "a5", 4), del)
	if err := r.st.AppendFollowed(ctx, 1, recs[:3]); err != nil {
		t.Fatal(err)
	}
	r.applier.Agreed(3)
	if err := r.applier.Committed(ctx, 3, 0); err != nil {
		t.Fatal(err)
	}
	if err := r.st.AppendFollowed(ctx, 1, recs[3:]); err != nil {
		t.Fatal(err)
	}
	s := r.hub.NewStream()
	defer s.Close()
	if err := s.Create(ctx, &etcdserverpb.WatchCreateRequest{Key: []byte{0}, RangeEnd: []byte{0}, StartRevision: 4, PrevKv: true}); err != nil {
		t.Fatal(err)
	}
	r.applier.Stored(ctx, recs[3:])
	if err := r.applier.Committed(ctx, 6, 0); err != nil || r.st.Snapshot().Revision() != 6 || r.hub.Revision() != 6 {
		t.Fatal(err, r.st.Snapshot().Revision(), r.hub.Revision())
	}
	var got []string
	for len(got) < 4 {
		resp, err := s.Recv(ctx)
		if err != nil {
			t.Fatal(err)
		}
		for _, ev := range resp.Events {
			got = append(got, fmt.Sprintf("%d %s=%s, was %s", ev.Kv.ModRevision, ev.Kv.Key, ev.Kv.Value, ev.PrevKv.Value))
		}
	}
	want := []string{"4 a=a4, was a2", "4 b=b4, was b3", "5 a=a5, was a4", "6 b=, was b4"}
	if !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
}

// TestReplaced: of what is created there is no value to bring; whoever has enough is asked no more.
func TestReplaced(t *testing.T) {
	recs := []record.Record{{Key: []byte("a")}, {Key: []byte("b"), Created: true}, {Key: []byte("c"), Deleted: true}, {Key: []byte("d")}}
	for want, enough := range map[string]int{"acd": 9, "a": 1, "ac": 2} {
		got := ""
		for key := range replaced(recs) {
			if got += string(key); len(got) == enough {
				break
			}
		}
		if got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}
