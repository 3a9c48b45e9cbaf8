package replication

import (
	"context"
	"errors"
	"io"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/netsy-io/netsy/pkg/netsypb/peerpb"
	"github.com/netsy-io/netsy/pkg/record"
	"github.com/netsy-io/netsy/pkg/registry"
)

func TestCatchUp(t *testing.T) {
	large := strings.Repeat("v", 150<<10)
	for name, c := range map[string]struct {
		limit int // of the ring
		value string
	}{
		"memory":                {64 << 20, "v"},
		"store":                 {1, "v"},
		"store and then memory": {20 * (1 + 5 + recordOverhead), "v"},
		"large, memory":         {64 << 20, large},
		"large, store":          {1, large},
		"large, both":           {2 << 20, large},
	} {
		t.Run(name, func(t *testing.T) {
			p, r := newNode(t, "p"), newNode(t, "r")
			f := p.reign(1)
			f.ring.limit = c.limit
			dialRaw(t, f, "slow").join(record.Pos{Epoch: 1, Revision: 1}) // for whom memory keeps what it may
			for range 6 {
				recs := p.make(7, c.value)
				f.Send(recs)
				p.store(recs)
				f.Stored(p.w.Revision())
			}
			p.commit()
			l := newLink(t, f, "r")
			var biggest atomic.Int64
			l.down = func(m *peerpb.FollowResponse) error {
				size := 0
				for _, r := range m.GetAppend().GetRecords() {
					size += len(r)
				}
				biggest.Store(max(biggest.Load(), int64(size))) // one sender
				return nil
			}
			r.follow(1, l).mustAgree()
			r.awaitPublished(p.w.Revision())
			rev := p.write(3) // goes on from there
			p.commit()
			r.awaitPublished(rev)
			sameCopy(t, p, r)
			if got := biggest.Load(); got > int64(maxAppend+len(large)+recordOverhead) {
				t.Errorf("a message of %d bytes", got)
			}
		})
	}
}

// TestUnstoredStaysInMemory: what isn't in the store yet is sent from memory, however
// small its bound is.
func TestUnstoredStaysInMemory(t *testing.T) {
	p, r := newNode(t, "p"), newNode(t, "r")
	f := p.reign(1)
	f.ring.limit = 1
	var all []record.Record
	for range 10 {
		recs := p.make(5, "v")
		f.Send(recs)
		all = append(all, recs...)
	}
	r.follow(1, newLink(t, f, "r"))
	r.awaitReceipt(f, p.w.Revision())
	f.mu.Lock()
	if len(f.ring.batches) != 10 {
		t.Errorf("%d batches are left", len(f.ring.batches))
	}
	f.mu.Unlock()
	p.store(all)
	f.Stored(p.w.Revision() - 5)
	f.mu.Lock()
	if len(f.ring.batches) != 1 {
		t.Errorf("%d batches are left", len(f.ring.batches))
	}
	f.mu.Unlock()
}

// TestReceivedIsForgotten: memory keeps what one of the followers that are here lacks, and
// nothing else that is stored.
func TestReceivedIsForgotten(t *testing.T) {
	p, r := newNode(t, "p"), newNode(t, "r")
	f := p.reign(1)
	expect := func(what string, batches int) {
		t.Helper()
		f.mu.Lock()
		defer f.mu.Unlock()
		if got := len(f.ring.batches); got != batches {
			t.Errorf("%s: %d batches are in memory, want %d", what, got, batches)
		}
		size := 0
		for _, b := range f.ring.batches {
			size += b.size
		}
		if f.ring.bytes != size {
			t.Errorf("%s: %d bytes are counted, want %d", what, f.ring.bytes, size)
		}
	}
	p.write(5)
	expect("nobody follows", 0)
	slow := dialRaw(t, f, "slow")
	slow.join(record.Pos{Epoch: 1, Revision: 6})
	r.follow(1, newLink(t, f, "r"))
	var revs []record.Revision
	for range 4 {
		revs = append(revs, p.write(5))
	}
	r.awaitReceipt(f, revs[3])
	expect("one has nothing", 4)
	for got := 0; got < 20; { // a receipt is for what was sent
		got += len(slow.next().Records)
	}
	slow.sendReceipt(slow.receipt(revs[1], 0))
	await(t, f, "its receipt", func(fs []Follower) bool { return fs[1].Receipt == revs[1] })
	expect("one has two", 2)
	slow.cancel()
	await(t, f, "its leaving", func(fs []Follower) bool { return !fs[1].Connected })
	r.awaitReceipt(f, p.write(5))
	expect("the other one has everything", 0)
}

// TestBehind: a copy that needs what compaction has removed is told to load the log,
// at the agreement or later.
func TestBehind(t *testing.T) {
	p := newNode(t, "p")
	f := p.reign(1)
	f.ring.limit = 1
	for range 5 {
		p.write(20)
	}
	p.commit()
	p.st.SetLogged(1, p.st.Tail())

	waiting := dialRaw(t, f, "waiting") // has agreed before the compaction
	waiting.hello(record.Pos{})
	waiting.agreement()
	if err := p.st.Compact(t.Context(), 50); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		rev    record.Revision
		behind bool
	}{"nothing": {0, true}, "too little": {48, true}, "just enough": {49, false}, "more": {60, false}} {
		r := dialRaw(t, f, name)
		r.hello(record.Pos{Epoch: min(1, record.Epoch(c.rev)), Revision: c.rev})
		if !c.behind {
			if pos := r.agreement(); pos != (record.Pos{Epoch: 1, Revision: c.rev}) {
				t.Errorf("%s: %v", name, pos)
			}
			r.cancel()
			continue
		}
		if last, err := r.end(); last.GetBehind() == nil || err != io.EOF {
			t.Errorf("%s: %v, %v", name, last, err)
		}
	}
	waiting.sendReceipt(waiting.receipt(0, 0))
	if last, err := waiting.end(); last.GetBehind() == nil || err != io.EOF {
		t.Errorf("%v, %v", last, err)
	}
	r := newNode(t, "r")
	if err := r.follow(1, newLink(t, f, "r")).ended(); !errors.Is(err, ErrBehind) {
		t.Error(err)
	}
}

// TestMissingRecords: the sender notices by itself that something is missing.
func TestMissingRecords(t *testing.T) {
	p := newNode(t, "p")
	f := p.reign(1)
	p.write(5)
	f.mu.Lock()
	f.last += 2 // were sent and stored, and are gone
	f.ring.batches = nil
	f.mu.Unlock()
	r := dialRaw(t, f, "r")
	r.join(record.Pos{Epoch: 1, Revision: 1})
	if last, err := r.end(); last.GetBehind() == nil || err != io.EOF {
		t.Errorf("%v, %v", last, err)
	}
}

// TestSlowFollower: one that doesn't read holds up neither the Primary nor the others.
func TestSlowFollower(t *testing.T) {
	p, r := newNode(t, "p"), newNode(t, "r")
	f := p.reign(1)
	slow := dialRaw(t, f, "slow")
	slow.join(record.Pos{Epoch: 1, Revision: 1})
	r.follow(1, newLink(t, f, "r"))
	for range 200 {
		p.write(1)
	}
	p.commit()
	r.awaitPublished(p.w.Revision())
	sameCopy(t, p, r)
	// It reads at last: everything is there, in order.
	for next := record.Revision(2); next <= p.w.Revision(); {
		e, err := decode(slow.next().Records)
		if err != nil {
			t.Fatal(err)
		}
		for _, rec := range e.recs {
			if rec.Revision != next {
				t.Fatalf("%d instead of %d", rec.Revision, next)
			}
			next++
		}
	}
}

func TestHelloRefused(t *testing.T) {
	p := newNode(t, "p")
	p.reign(1)
	p.abdicate()
	var higher []record.Epoch
	if _, err := p.st.Promise(t.Context(), 3); err != nil {
		t.Fatal(err)
	}
	f := p.reign(3)
	f.cfg.HigherEpoch = func(e record.Epoch) { higher = append(higher, e) }
	node := &peerpb.NodeRef{NodeId: "r", Incarnation: "i"}
	tail := message(record.Pos{Epoch: 1, Revision: 1})
	for name, c := range map[string]struct {
		hello *peerpb.Hello
		code  codes.Code
	}{
		"no node":        {&peerpb.Hello{Epoch: 3, Tail: tail}, codes.InvalidArgument},
		"no incarnation": {&peerpb.Hello{Node: &peerpb.NodeRef{NodeId: "r"}, Epoch: 3, Tail: tail}, codes.InvalidArgument},
		"somebody else":  {&peerpb.Hello{Node: &peerpb.NodeRef{NodeId: "q", Incarnation: "i"}, Epoch: 3, Tail: tail}, codes.PermissionDenied},
		"lower epoch":    {&peerpb.Hello{Node: node, Epoch: 2, Tail: tail}, codes.FailedPrecondition},
		"no epoch":       {&peerpb.Hello{Node: node, Tail: tail}, codes.FailedPrecondition},
		"higher epoch":   {&peerpb.Hello{Node: node, Epoch: 4, Tail: tail}, codes.FailedPrecondition},
		"higher tail":    {&peerpb.Hello{Node: node, Epoch: 3, Tail: message(record.Pos{Epoch: 5, Revision: 1})}, codes.FailedPrecondition},
		"impossible":     {&peerpb.Hello{Node: node, Epoch: 3, Tail: message(record.Pos{Epoch: 3, Revision: 1})}, codes.InvalidArgument},
	} {
		r := dialRaw(t, f, "r")
		r.send(&peerpb.FollowRequest{Message: &peerpb.FollowRequest_Hello{Hello: c.hello}})
		if last, err := r.end(); last != nil || status.Code(err) != c.code {
			t.Errorf("%s: %v, %v", name, last, err)
		}
	}
	r := dialRaw(t, f, "r")
	r.sendReceipt(r.receipt(1, 0))
	if _, err := r.end(); status.Code(err) != codes.InvalidArgument {
		t.Errorf("a receipt first: %v", err)
	}
	r = dialRaw(t, f, "p")
	r.hello(record.Pos{})
	if _, err := r.end(); status.Code(err) != codes.FailedPrecondition {
		t.Errorf("the Primary itself: %v", err)
	}
	if slices.Sort(higher); !slices.Equal(higher, []record.Epoch{4, 5}) {
		t.Errorf("higher epochs seen: %v", higher)
	}
}

// TestDialogueRefused: whoever doesn't play by the rules of the agreement is sent away.
func TestDialogueRefused(t *testing.T) {
	p := newNode(t, "p")
	f := p.reign(2)
	p.write(5)
	held := func(e record.Epoch, rev record.Revision) *peerpb.FollowRequest {
		return &peerpb.FollowRequest{Message: &peerpb.FollowRequest_Held{Held: message(record.Pos{Epoch: e, Revision: rev})}}
	}
	for name, answer := range map[string]*peerpb.FollowRequest{
		"another revision": held(1, 2),
		"the same":         held(2, 4),
		"nothing":          held(0, 0),
		"empty":            {},
	} {
		r := dialRaw(t, f, "r")
		r.hello(record.Pos{Epoch: 2, Revision: 4})
		if pos := r.agreement(); pos != (record.Pos{Epoch: 2, Revision: 4}) {
			t.Fatal(pos)
		}
		r.send(answer)
		if last, err := r.end(); last != nil || status.Code(err) != codes.InvalidArgument {
			t.Errorf("%s: %v, %v", name, last, err)
		}
	}
	r := dialRaw(t, f, "r")
	r.hello(record.Pos{Epoch: 2, Revision: 4})
	r.agreement()
	r.sendReceipt(r.receipt(3, 0))
	if _, err := r.end(); status.Code(err) != codes.InvalidArgument {
		t.Errorf("a first receipt of another revision: %v", err)
	}
}

// TestReceiptRule: of all small receipts exactly those are taken that keep the terms.
func TestReceiptRule(t *testing.T) {
	start := terms{ref: registry.NodeRef{NodeID: "r", Incarnation: "i"}, epoch: 2, stream: 7, sent: 3, round: 3, receipt: 1, answered: 1}
	for _, incarnation := range []string{"i", "j", ""} {
		for epoch := range int64(4) {
			for _, stream := range []uint64{0, 6, 7} {
				for rev := int64(-1); rev < 6; rev++ {
					for round := range uint64(6) {
						for _, other := range []int64{-1, 0, 9} {
							got := start
							err := got.accept(&peerpb.Receipt{
								Incarnation: incarnation, Epoch: epoch, Stream: stream, Revision: rev, Round: round, PublishedRevision: other, NeededRevision: other,
							})
							ok := incarnation == "i" && epoch == 2 && stream == 7 && rev >= 1 && rev <= 3 && round >= 1 && round <= 3 && other >= 0
							want := start
							if ok {
								want.receipt, want.answered = record.Revision(rev), round
							}
							if (err == nil) != ok || got != want || err != nil && !errors.Is(err, ErrProtocol) {
								t.Fatalf("%q %d %d %d %d: %v, %+v", incarnation, epoch, stream, rev, round, err, got)
							}
						}
					}
				}
			}
		}
	}
}

// TestAnswerRule: of all answers exactly those are taken that were asked for, go on, and
// don't contradict the last.
func TestAnswerRule(t *testing.T) {
	start := terms{stream: 7, asked: 4, answer: answer{number: 2, needed: 5}}
	for number := range uint64(7) {
		for needed := int64(-1); needed < 7; needed++ {
			for _, agreed := range []bool{false, true} {
				got := start
				err := got.accept(&peerpb.Receipt{Stream: 7, Compaction: &peerpb.CompactionAnswer{Number: number, Agreed: agreed, NeededRevision: needed}})
				ok := number > 2 && number <= 4 && needed >= 0 || number == 2 && needed == 5 && !agreed
				want := start
				if ok {
					want.answer = answer{number, agreed, record.Revision(needed)}
				}
				if (err == nil) != ok || got != want || err != nil && !errors.Is(err, ErrProtocol) {
					t.Errorf("%d %d %v: %v, %+v", number, needed, agreed, err, got)
				}
			}
		}
	}
	if err := start.accept(&peerpb.Receipt{Stream: 7}); !errors.Is(err, ErrProtocol) {
		t.Errorf("no answer after one: %v", err)
	}
}

// TestReceiptsRefused: one wrong receipt ends the stream and doesn't count.
func TestReceiptsRefused(t *testing.T) {
	p := newNode(t, "p")
	f := p.reign(2)
	for name, spoil := range map[string]func(*peerpb.Receipt){
		"incarnation": func(r *peerpb.Receipt) { r.Incarnation = "x" },
		"epoch":       func(r *peerpb.Receipt) { r.Epoch = 1 },
		"stream":      func(r *peerpb.Receipt) { r.Stream++ },
		"not sent":    func(r *peerpb.Receipt) { r.Revision = int64(p.w.Revision()) + 1 },
		"back":        func(r *peerpb.Receipt) { r.Revision = 0 },
		"round":       func(r *peerpb.Receipt) { r.Round = 1 },
		"answer":      func(r *peerpb.Receipt) { r.Compaction = &peerpb.CompactionAnswer{Number: 1} },
	} {
		p.write(1)
		r := dialRaw(t, f, name)
		r.join(record.Pos{Epoch: 2, Revision: 1})
		for n := 0; n == 0; {
			n = len(r.next().Records)
		}
		bad := r.receipt(p.w.Revision(), 0)
		spoil(bad)
		r.sendReceipt(bad)
		if _, err := r.end(); status.Code(err) != codes.InvalidArgument {
			t.Errorf("%s: %v", name, err)
		}
		for _, x := range f.Followers() {
			if x.Ref.NodeID == name && (x.Receipt != 1 || x.Connected) {
				t.Errorf("%s: %+v", name, x)
			}
		}
	}
}

// TestNewestStreamCounts: a second stream of the same node ends the first, whose
// receipts count no more. What was receipted stays.
func TestNewestStreamCounts(t *testing.T) {
	p := newNode(t, "p")
	f := p.reign(1)
	rev := p.write(3)
	old := dialRaw(t, f, "r")
	old.join(record.Pos{Epoch: 1, Revision: 1})
	for n := 0; n == 0; {
		n = len(old.next().Records)
	}
	young := dialRaw(t, f, "r")
	young.hello(record.Pos{Epoch: 1, Revision: 2})
	young.agreement()
	if _, err := old.end(); status.Code(err) != codes.Aborted {
		t.Errorf("the old stream: %v", err)
	}
	// Its handler may be gone; a receipt that was under way goes through the feed itself.
	if err := f.receipt(&stream{feed: f, terms: terms{ref: registry.NodeRef{NodeID: "r", Incarnation: "r-1"}, epoch: 1, stream: old.stream, sent: rev}}, old.receipt(rev, 0)); !errors.Is(err, errReplaced) {
		t.Errorf("a receipt of the old stream: %v", err)
	}
	if fs := f.Followers(); len(fs) != 1 || fs[0].Receipt != 1 || fs[0].Connected {
		t.Errorf("%+v", fs)
	}
	young.sendReceipt(young.receipt(2, 0))
	await(t, f, "the new stream", func(fs []Follower) bool { return fs[0].Receipt == 2 && fs[0].Connected })
	young.cancel()
	await(t, f, "it to leave", func(fs []Follower) bool { return !fs[0].Connected })
	if fs := f.Followers(); fs[0].Receipt != 2 || fs[0].Healthy {
		t.Errorf("%+v", fs)
	}
	// The same node with another disk begins with nothing.
	wiped := dialRaw(t, f, "r")
	wiped.incarnation = "r-2"
	wiped.hello(record.Pos{})
	wiped.agreement()
	if fs := f.Followers(); len(fs) != 1 || fs[0].Receipt != 0 || fs[0].Ref.Incarnation != "r-2" {
		t.Errorf("%+v", fs)
	}
}

func TestClose(t *testing.T) {
	p, r := newNode(t, "p"), newNode(t, "r")
	f := p.reign(1)
	following := r.follow(1, newLink(t, f, "r"))
	following.mustAgree()
	silent := dialRaw(t, f, "silent") // says nothing, and is not read from
	f.Close(errors.New("the reign is over"))
	if err := following.ended(); status.Code(err) != codes.FailedPrecondition || !strings.Contains(err.Error(), "the reign is over") {
		t.Error(err)
	}
	if _, err := silent.end(); status.Code(err) != codes.FailedPrecondition {
		t.Error(err)
	}
	if _, err := dialRaw(t, f, "late").end(); status.Code(err) != codes.FailedPrecondition {
		t.Error(err)
	}
	if err := f.Round(t.Context(), func([]registry.NodeRef) bool { return true }); err == nil {
		t.Error("a round of a closed feed")
	}
	p.write(1) // ignored
}

func TestSendPanicsOnAGap(t *testing.T) {
	p := newNode(t, "p")
	f := p.reign(1)
	defer func() {
		if recover() == nil {
			t.Error("taken")
		}
	}()
	f.Send([]record.Record{{Revision: 3, Epoch: 1, Key: []byte("k")}})
}

func TestNewFeedWantsTheSeal(t *testing.T) {
	p := newNode(t, "p")
	p.reign(1)
	for _, end := range []record.Pos{{}, {Epoch: 1, Revision: 2}, {Epoch: 2, Revision: 1}} {
		if _, err := NewFeed(t.Context(), p.feedConfig(end.Epoch, end)); err == nil {
			t.Errorf("%v was taken for the seal", end)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := NewFeed(ctx, p.feedConfig(1, record.Pos{Epoch: 1, Revision: 1})); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}

// TestSilentFollower: it stops being healthy after DegradationCount intervals, and its
// stream is ended after the silence limit.
func TestSilentFollower(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &Feed{cfg: FeedConfig{Epoch: 1, HeartbeatInterval: time.Second, DegradationCount: 2}, starts: []record.Pos{{Epoch: 1, Revision: 1}},
			last: 1, stored: 1, changed: make(chan struct{}, 1), copies: map[string]*replicaCopy{}, waiters: map[chan struct{}]struct{}{}}
		f.cfg.setDefaults()
		f.cfg.Store = newNode(t, "p").st
		f.ctx, f.cancel = context.WithCancelCause(t.Context())
		defer f.Close(nil)
		r := dialRaw(t, f, "r")
		began := time.Now()
		r.join(record.Pos{Epoch: 1, Revision: 1})
		synctest.Wait()
		if fs := f.Followers(); !fs[0].Healthy {
			t.Fatalf("%+v", fs)
		}
		<-f.Changed()
		<-f.Changed() // nothing else happens: it is noticed
		if fs := f.Followers(); fs[0].Healthy || !fs[0].Connected {
			t.Errorf("after %v: %+v", time.Since(began), fs)
		}
		if d := time.Since(began); d < 2*time.Second || d > 4*time.Second {
			t.Errorf("noticed after %v", d)
		}
		r.sendReceipt(r.receipt(1, 0))
		synctest.Wait()
		if fs := f.Followers(); !fs[0].Healthy {
			t.Errorf("%+v", fs)
		}
		again := time.Now()
		if _, err := r.end(); status.Code(err) != codes.Unavailable || !strings.Contains(err.Error(), ErrSilent.Error()) {
			t.Error(err)
		}
		if d := time.Since(again); d < minSilence || d > minSilence+2*time.Second {
			t.Errorf("ended after %v", d)
		}
	})
}

// TestHeartbeats: when nothing happens the Primary says so, every interval.
func TestHeartbeats(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newNode(t, "p")
		f := p.reign(1)
		r := dialRaw(t, f, "r")
		r.join(record.Pos{Epoch: 1, Revision: 1})
		if a := r.next(); a.CommittedRevision != 1 || len(a.Records) != 0 {
			t.Errorf("%v", a)
		}
		for range 10 {
			began := time.Now()
			if a := r.next(); a.CommittedRevision != 1 || len(a.Records) != 0 {
				t.Errorf("%v", a)
			}
			if d := time.Since(began); d != testInterval {
				t.Errorf("after %v", d)
			}
		}
		p.abdicate()
	})
}
