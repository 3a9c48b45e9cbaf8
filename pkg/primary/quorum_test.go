package primary

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"google.golang.org/grpc"

	"github.com/netsy-io/netsy/pkg/datafile"
	"github.com/netsy-io/netsy/pkg/netsypb/peerpb"
	"github.com/netsy-io/netsy/pkg/objectstore"
	"github.com/netsy-io/netsy/pkg/objectstore/fault"
	"github.com/netsy-io/netsy/pkg/record"
	"github.com/netsy-io/netsy/pkg/registry"
)

// puppet is a follower on strings: it agrees to everything, and sends receipts for
// what it gets, and answers rounds, unless it is muted.
type puppet struct {
	grpc.ServerStream
	ref   registry.NodeRef
	epoch record.Epoch
	ctx   context.Context
	leave context.CancelFunc
	say   chan *peerpb.FollowRequest
	ended chan struct{}

	mu       sync.Mutex
	muted    bool
	stream   uint64
	got      record.Revision
	round    uint64
	answered bool

	needs   record.Revision // of history, as it answers; 0: nothing
	reports record.Revision // of that, as its receipts say
	deaf    bool            // it doesn't answer questions about compaction
	said    *peerpb.CompactionAnswer
	asked   []record.Revision // what for
}

// follow makes a follower of the machine's reign.
func (m *machine) follow(ref registry.NodeRef) *puppet {
	p := &puppet{ref: ref, epoch: m.reign.Epoch(), say: make(chan *peerpb.FollowRequest, 1000), ended: make(chan struct{})}
	p.ctx, p.leave = context.WithCancel(context.Background())
	p.say <- &peerpb.FollowRequest{Message: &peerpb.FollowRequest_Hello{Hello: &peerpb.Hello{
		Node: &peerpb.NodeRef{NodeId: ref.NodeID, Incarnation: ref.Incarnation}, Epoch: int64(p.epoch), Tail: &peerpb.Pos{},
	}}}
	feed := m.reign.Feed()
	go func() { // ended by gone, at the latest when the test ends
		defer close(p.ended)
		feed.Serve(ref.NodeID, p)
		p.leave() // as gRPC does when a handler returns
	}()
	beat := time.NewTicker(200 * time.Millisecond)
	go func() {
		defer beat.Stop()
		for {
			select {
			case <-beat.C:
				p.receipt()
			case <-p.ended:
				return
			}
		}
	}()
	m.w.t.Cleanup(p.gone)
	return p
}

func (p *puppet) gone()                    { p.leave(); <-p.ended }
func (p *puppet) Context() context.Context { return p.ctx }

func (p *puppet) Recv() (*peerpb.FollowRequest, error) {
	select {
	case msg := <-p.say:
		return msg, nil
	case <-p.ctx.Done():
		return nil, io.EOF
	}
}

func (p *puppet) Send(msg *peerpb.FollowResponse) error {
	p.mu.Lock()
	if a := msg.GetAgreement(); a != nil {
		p.stream, p.answered = a.Stream, true
	}
	if a := msg.GetAppend(); a != nil {
		p.round = a.Round
		p.hear(a.CompactionQuestion)
		for _, b := range a.Records {
			r, err := datafile.DecodeRecord(b)
			if err != nil || r.Revision != p.got+1 {
				p.mu.Unlock()
				return fmt.Errorf("got %v after %d: %v", r.Pos(), p.got, err)
			}
			p.got = r.Revision
		}
	}
	p.mu.Unlock()
	p.receipt()
	return nil
}

func (p *puppet) receipt() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.muted || !p.answered {
		return
	}
	p.say <- &peerpb.FollowRequest{Message: &peerpb.FollowRequest_Receipt{Receipt: &peerpb.Receipt{
		Incarnation: p.ref.Incarnation, Epoch: int64(p.epoch), Stream: p.stream, Revision: int64(p.got), Round: p.round, Compaction: p.said, NeededRevision: int64(p.reports),
	}}}
}

// hear answers a question.
func (p *puppet) hear(q *peerpb.CompactionQuestion) {
	if p.deaf || q.GetNumber() <= p.said.GetNumber() {
		return
	}
	p.asked = append(p.asked, record.Revision(q.Revision))
	if q.Force && record.Revision(q.Revision) > p.needs {
		p.needs = 0 // the watch is cancelled
	}
	p.said = &peerpb.CompactionAnswer{Number: q.Number, Agreed: true}
	if p.needs > 0 && p.needs < record.Revision(q.Revision) {
		p.said = &peerpb.CompactionAnswer{Number: q.Number, NeededRevision: int64(p.needs)}
	}
}

func (p *puppet) mute(on bool) {
	p.mu.Lock()
	p.muted = on
	p.mu.Unlock()
	p.receipt()
}

// inQuorum is a machine whose reign has two followers and commits by receipts.
func inQuorum(t *testing.T) (w *world, m *machine, a, b *puppet) {
	w = newWorld(t)
	m = w.machine("p")
	m.quorum = -1
	m.mustStart()
	a, b = m.follow(ref(1)), m.follow(ref(2))
	w.awaitMode(registry.ModeQuorum)
	return w, m, a, b
}

func (w *world) mode() registry.Mode {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.durability.Mode
}

// awaitMode lets time pass until cluster.json says mode, and the Primary knows.
func (w *world) awaitMode(mode registry.Mode) {
	w.t.Helper()
	for range 200 {
		if w.mode() == mode {
			synctest.Wait()
			return
		}
		time.Sleep(50 * time.Millisecond)
	}
	w.t.Fatalf("mode is %q, want %q: %+v", w.mode(), mode, w.history)
}

var chunkPuts = fault.If(func(r *fault.Request) bool { return r.Op == "put" && len(r.Key) > 6 && r.Key[:6] == "chunks" }, fault.Fail(objectstore.ErrUnavailable))

func TestReceiptsCommitWithoutObjectStorage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, m, _, b := inQuorum(t)
		m.net.Inject(chunkPuts)
		b.mute(true) // one receipt is enough
		before := len(w.logged())
		m.mustCreate("k", "v")
		if n := len(w.logged()); n != before {
			t.Fatalf("%d records in the log, %d before", n, before)
		}
		if v, _, ok, err := m.read(t.Context(), "k"); v != "v" || !ok || err != nil {
			t.Fatal(v, ok, err)
		}
		if ok, err := provedByRound(t, m); !ok { // nobody has granted a lease
			t.Fatal(err)
		}
		m.net.Heal()
	})
}

func TestLateReceiptsFallBackToTheLog(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, m, a, b := inQuorum(t)
		m.mustCreate("by receipts", "v")
		a.mute(true)
		b.mute(true)
		rev := m.mustCreate("by the log", "v")
		if last := w.logged(); last[len(last)-1].Revision != rev {
			t.Fatal("acknowledged by nobody")
		}
		w.awaitMode(registry.ModeObjectStorage)
		a.mute(false)
		b.mute(false)
		w.awaitMode(registry.ModeQuorum)
		w.checkBridges()
	})
}

func TestNothingIsAcknowledgedByNobody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, m, a, b := inQuorum(t)
		a.mute(true)
		b.mute(true)
		m.net.Inject(chunkPuts)
		done := make(chan error, 1)
		go func() {
			_, err := create(t.Context(), m.reign, "k", "v")
			done <- err
		}()
		time.Sleep(8 * time.Second) // less than the feed's patience
		synctest.Wait()
		select {
		case err := <-done:
			t.Fatalf("answered: %v", err)
		default:
		}
		a.mute(false) // no swap to object-storage was sent: receipts still count
		if err := <-done; err != nil {
			t.Fatal(err)
		}
		m.net.Heal()
	})
}

// From the sending of the swap to object-storage on, whatever becomes of it, receipts
// acknowledge nothing.
func TestReceiptsCountForNothingOnceTheSwapIsSent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, m, a, b := inQuorum(t)
		sent, answer := make(chan struct{}), make(chan error)
		w.set(func() {
			w.onSwap = func(d registry.Durability) error {
				if d.Mode != registry.ModeObjectStorage {
					return nil
				}
				sent <- struct{}{}
				return <-answer
			}
		})
		a.mute(true)
		b.mute(true)
		m.mustCreate("by the log", "v")
		<-sent
		m.net.Inject(chunkPuts)
		a.mute(false)
		b.mute(false)
		done := make(chan error, 1)
		go func() {
			_, err := create(t.Context(), m.reign, "k", "v")
			done <- err
		}()
		time.Sleep(time.Second)
		answer <- registry.ErrUnknownOutcome // it isn't recorded, as it happens
		time.Sleep(100 * time.Millisecond)
		synctest.Wait()
		select {
		case err := <-done:
			t.Fatalf("answered: %v", err)
		default:
		}
		if _, err := provedByRound(t, m); err == nil {
			t.Fatal("a round proved the reign while the mode is unknown")
		}
		m.net.Heal()
		w.set(func() { w.onSwap = nil })
		if err := <-done; err != nil {
			t.Fatal(err)
		}
		w.awaitMode(registry.ModeQuorum)
	})
}

// Nothing is acknowledged by receipts before the swap to quorum is known to have
// succeeded.
func TestReceiptsCountOnlyOnceTheSwapIsKnown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		m := w.machine("p")
		m.quorum = -1
		sent, answer := make(chan struct{}), make(chan error)
		w.set(func() {
			w.onSwap = func(registry.Durability) error {
				sent <- struct{}{}
				return <-answer
			}
		})
		m.mustStart()
		m.follow(ref(1))
		<-sent
		m.net.Inject(chunkPuts)
		done := make(chan error, 1)
		go func() {
			_, err := create(t.Context(), m.reign, "k", "v")
			done <- err
		}()
		for _, result := range []error{registry.ErrUnknownOutcome, objectstore.ErrUnavailable} {
			time.Sleep(time.Second)
			synctest.Wait()
			select {
			case err := <-done:
				t.Fatalf("answered: %v", err)
			default:
			}
			if ok, _ := provedByRound(t, m); ok {
				t.Fatal("a round proved the reign")
			}
			answer <- result
			<-sent // it tries again
		}
		answer <- nil
		w.set(func() { w.onSwap = nil })
		if err := <-done; err != nil {
			t.Fatal(err)
		}
		m.net.Heal()
	})
}

// A round that began while receipts counted proves nothing if they don't when it is answered.
func TestRoundThatOutlivesTheRuleProvesNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, m, a, b := inQuorum(t)
		release := make(chan struct{})
		w.set(func() {
			w.onSwap = func(registry.Durability) error { <-release; return nil }
		})
		a.mute(true)
		b.mute(true)
		go create(t.Context(), m.reign, "k", "v") // its receipts will be late
		time.Sleep(500 * time.Millisecond)
		m.deny(objectstore.ErrUnavailable)
		read := make(chan error, 1)
		go func() {
			_, err := m.reign.Snapshot(t.Context())
			read <- err
		}()
		time.Sleep(700 * time.Millisecond) // the swap is sent
		a.mute(false)
		b.mute(false)
		if err := <-read; err == nil {
			t.Fatal("proven")
		}
		m.deny(nil)
		close(release)
	})
}

// provedByRound reads while cluster.json can't be.
func provedByRound(t *testing.T, m *machine) (bool, error) {
	m.deny(objectstore.ErrUnavailable)
	defer m.deny(nil)
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Second)
	defer cancel()
	_, err := m.reign.Snapshot(ctx)
	return err == nil, err
}

func TestTooMuchThatIsNotLoggedIsRefused(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, m, _, _ := inQuorum(t)
		m.net.Inject(chunkPuts)
		big := string(make([]byte, 1<<20))
		var err error
		n := 0
		for ; n < 100 && err == nil; n++ {
			_, err = create(t.Context(), m.reign, fmt.Sprint("k", n), big)
		}
		if !errors.Is(err, ErrNoSpace) || n < 60 {
			t.Fatalf("after %d MiB: %v", n, err)
		}
		if _, _, ok, err := m.read(t.Context(), "k0"); !ok || err != nil {
			t.Fatal("reads must go on:", err)
		}
		m.net.Heal()
		for errors.Is(err, ErrNoSpace) {
			time.Sleep(100 * time.Millisecond)
			_, err = create(t.Context(), m.reign, "after", "v")
		}
		if err != nil {
			t.Fatal(err)
		}
	})
}

func TestVotersChangeOverTheBridge(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, m, a, b := inQuorum(t)
		m.mustCreate("k1", "v")
		b.gone()
		if err := m.reign.RemoveVoter(within(t), ref(2)); err != nil {
			t.Fatal(err)
		}
		w.awaitMode(registry.ModeQuorum)
		if v := w.durability.Voters; slices.Contains(v, ref(2)) || len(v) != 2 {
			t.Fatal(v)
		}
		m.mustCreate("k2", "v")
		m.follow(ref(3))
		for len(w.rule().Voters) != 3 {
			time.Sleep(50 * time.Millisecond)
		}
		w.awaitMode(registry.ModeQuorum)
		// A wiped disk comes back: another incarnation takes the voter's place.
		a.gone()
		again := m.follow(registry.NodeRef{NodeID: a.ref.NodeID, Incarnation: "new"})
		for !slices.Contains(w.rule().Voters, again.ref) {
			time.Sleep(50 * time.Millisecond)
		}
		if v := w.rule().Voters; slices.Contains(v, a.ref) || len(v) != 3 {
			t.Fatal(v)
		}
		w.awaitMode(registry.ModeQuorum)
		m.mustCreate("k3", "v")
		w.checkBridges()
	})
}

func TestHandOverLeavesEverythingInTheLog(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, m, _, _ := inQuorum(t)
		rev := m.mustCreate("k", "v")
		if err := m.reign.Drain(within(t)); err != nil {
			t.Fatal(err)
		}
		if log := w.logged(); log[len(log)-1].Revision != rev {
			t.Fatalf("the log ends at %d, acknowledged is %d", log[len(log)-1].Revision, rev)
		}
		if d := w.durability; d.Mode != registry.ModeObjectStorage || slices.Contains(d.Voters, m.reign.cfg.Self) {
			t.Fatal(d)
		}
		if !errors.Is(m.reign.Err(), ErrStopped) {
			t.Fatal(m.reign.Err())
		}
	})
}

// The age threshold brings what receipts committed into the log.
func TestCommittedRecordsAreFlushedByAge(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, m, _, _ := inQuorum(t)
		rev := m.mustCreate("k", "v")
		before := len(w.logged())
		time.Sleep(defaultFlushAge - 2*time.Second)
		if n := len(w.logged()); n != before {
			t.Fatal("flushed early")
		}
		time.Sleep(4 * time.Second)
		if log := w.logged(); log[len(log)-1].Revision != rev {
			t.Fatal("not flushed")
		}
		if w.mode() != registry.ModeQuorum {
			t.Fatal(w.mode())
		}
	})
}

func (w *world) rule() registry.Durability {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.durability.Clone()
}

func (w *world) set(f func()) {
	w.mu.Lock()
	defer w.mu.Unlock()
	f()
}

// checkBridges: voters change only while no rule with receipts is in force, and then
// everything acknowledged was in the log.
func (w *world) checkBridges() {
	w.t.Helper()
	for i := 1; i < len(w.history); i++ {
		old, now := w.history[i-1], w.history[i]
		if old.Mode == registry.ModeQuorum && now.Mode == registry.ModeQuorum && !slices.Equal(old.Voters, now.Voters) {
			w.t.Errorf("voters changed without the bridge: %+v, then %+v", old, now)
		}
	}
	if len(w.history) < 3 {
		w.t.Errorf("only %d rules were recorded: %+v", len(w.history), w.history)
	}
}
