package replication

import (
	"context"
	"slices"
	"testing"

	"go.etcd.io/etcd/api/v3/etcdserverpb"

	"github.com/netsy-io/netsy/pkg/netsypb/peerpb"
	"github.com/netsy-io/netsy/pkg/record"
	"github.com/netsy-io/netsy/pkg/watch"
)

// slowWatch opens a watch on everything from start on whose client doesn't read. The
// hub must be made with room for few events.
func (n *node) slowWatch(start record.Revision) *watch.Stream {
	n.t.Helper()
	s := n.hub.NewStream()
	n.t.Cleanup(s.Close)
	if err := s.Create(n.t.Context(), &etcdserverpb.WatchCreateRequest{Key: []byte{0}, RangeEnd: []byte{0}, StartRevision: int64(start)}); err != nil {
		n.t.Fatal(err)
	}
	return s
}

// smallQueues has n's watches fall back at once.
func (n *node) smallQueues() {
	n.hub.Close(nil)
	n.hub = watch.NewHub(n.st, n.st.Snapshot().Revision(), watch.Options{QueueEvents: 2})
	n.applier = NewApplier(n.st, n.hub)
}

// cancelled reads until the watch of s is cancelled as compacted.
func cancelled(t *testing.T, s *watch.Stream) (at record.Revision) {
	t.Helper()
	for {
		resp, err := s.Recv(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if resp.Canceled {
			return record.Revision(resp.CompactRevision)
		}
	}
}

// TestAskCompaction asks replicas of which one has a watch that is far behind.
func TestAskCompaction(t *testing.T) {
	p, a, b := newNode(t, "p"), newNode(t, "a"), newNode(t, "b")
	b.smallQueues()
	f := p.reign(1)
	if got := f.AskCompaction(t.Context(), 1, false); len(got) != 0 {
		t.Fatalf("nobody follows, and %+v answers", got)
	}
	p.write(20)
	p.commit()
	for _, n := range []*node{a, b} {
		n.follow(1, newLink(t, f, n.id)).mustAgree()
		n.awaitReceipt(f, 21)
		n.awaitPublished(21)
	}
	agreed := func(n *node) CompactionAnswer { return CompactionAnswer{Ref: n.ref(), Answered: true, Agreed: true} }
	refused := func(n *node, needed record.Revision) CompactionAnswer {
		return CompactionAnswer{Ref: n.ref(), Answered: true, Needed: needed}
	}
	ask := func(rev record.Revision, force bool, want ...CompactionAnswer) {
		t.Helper()
		if got := f.AskCompaction(t.Context(), rev, force); !slices.Equal(got, want) {
			t.Errorf("asked for %d, force %v: %+v, want %+v", rev, force, got, want)
		}
	}
	slow := b.slowWatch(2)
	awaitNeeded := func(rev record.Revision) {
		t.Helper()
		await(t, f, "what b needs", func(fs []Follower) bool { return fs[1].Needed == rev })
	}
	awaitNeeded(4) // 2 and 3 fill the queue
	ask(4, false, agreed(a), agreed(b))
	ask(9, false, agreed(a), refused(b, 4))
	ask(25, false, refused(a, 21), refused(b, 4)) // nobody has come to it
	ask(9, true, agreed(a), agreed(b))
	if at := cancelled(t, slow); at != 9 {
		t.Errorf("cancelled at %d", at)
	}
	for _, n := range []*node{a, b} {
		if at := cancelled(t, n.slowWatch(8)); at != 9 {
			t.Errorf("%s: cancelled at %d", n.id, at)
		}
		if n.st.CompactRevision() != 0 {
			t.Errorf("%s: compacted by a question", n.id)
		}
	}
	awaitNeeded(0)
	ask(21, false, agreed(a), agreed(b))
	// What is committed just now is published before the answer.
	for range 20 {
		rev := p.write(1)
		p.publish()
		a.awaitReceipt(f, rev)
		b.awaitReceipt(f, rev)
		f.Committed(rev, 0)
		ask(rev, false, agreed(a), agreed(b))
	}
}

// TestQuestionsEnd: a follower that doesn't answer is waited for as long as one likes,
// one that leaves isn't, and one that comes is asked, too.
func TestQuestionsEnd(t *testing.T) {
	p := newNode(t, "p")
	f := p.reign(1)
	r := dialRaw(t, f, "r")
	r.join(record.Pos{Epoch: 1, Revision: 1})
	await(t, f, "r", func(fs []Follower) bool { return len(fs) == 1 && fs[0].Connected })
	ctx, cancel := context.WithCancel(t.Context())
	asked := make(chan []CompactionAnswer, 1)
	ask := func(ctx context.Context) { asked <- f.AskCompaction(ctx, 1, false) }
	question := func(r *raw) *peerpb.CompactionQuestion {
		for {
			if q := r.next().CompactionQuestion; q != nil {
				return q
			}
		}
	}

	go ask(ctx)
	first := question(r)
	cancel()
	if got := <-asked; len(got) != 1 || got[0].Answered || got[0].Ref.NodeID != "r" {
		t.Fatalf("%+v", got)
	}

	go ask(t.Context())
	second := question(r)
	for second.Number == first.Number {
		second = question(r)
	}
	late := r.receipt(1, 0)
	late.Compaction = &peerpb.CompactionAnswer{Number: first.Number, Agreed: true}
	r.sendReceipt(late) // the first question's answer isn't the second's
	s := dialRaw(t, f, "s")
	s.join(record.Pos{Epoch: 1, Revision: 1})
	if q := question(s); q.Number != second.Number || q.Revision != 1 || q.Force {
		t.Fatalf("%+v", q)
	}
	answer := s.receipt(1, 0)
	answer.Compaction = &peerpb.CompactionAnswer{Number: second.Number, NeededRevision: 1}
	s.sendReceipt(answer)
	await(t, f, "the answer of s", func([]Follower) bool {
		answers, _ := f.compactionAnswers(second.Number)
		return len(answers) == 2 && answers[1].Answered
	})
	select {
	case got := <-asked:
		t.Fatalf("r hasn't answered: %+v", got)
	default:
	}
	r.cancel()
	if got := <-asked; len(got) != 1 || !got[0].Answered || got[0].Agreed || got[0].Needed != 1 || got[0].Ref.NodeID != "s" {
		t.Fatalf("%+v", got)
	}

	go ask(t.Context())
	question(s)
	s.cancel() // the last
	if got := <-asked; len(got) != 0 {
		t.Fatalf("all have left: %+v", got)
	}

	s = dialRaw(t, f, "s")
	s.join(record.Pos{Epoch: 1, Revision: 1})
	await(t, f, "s again", func(fs []Follower) bool { return fs[1].Connected })
	go ask(t.Context())
	question(s)
	p.abdicate()
	if got := <-asked; len(got) > 1 || len(got) == 1 && got[0].Answered {
		t.Fatalf("a closed feed: %+v", got)
	}
	// Who comes when no question is open isn't asked.
	f = p.reign(2)
	u := dialRaw(t, f, "u")
	f.AskCompaction(t.Context(), 1, false)
	u.join(record.Pos{Epoch: 2, Revision: 2})
	for range 3 {
		if q := u.next().CompactionQuestion; q != nil {
			t.Fatalf("%+v", q)
		}
	}
}
