package replication

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/netsy-io/netsy/pkg/datafile"
	"github.com/netsy-io/netsy/pkg/mvcc"
	"github.com/netsy-io/netsy/pkg/netsypb/peerpb"
	"github.com/netsy-io/netsy/pkg/record"
	"github.com/netsy-io/netsy/pkg/registry"
)

// TestDivergence: what a deposed Primary stored and never committed goes from the copies
// that have it; what they share stays.
func TestDivergence(t *testing.T) {
	a, b, c := newNode(t, "a"), newNode(t, "b"), newNode(t, "c")
	f := a.reign(1)
	b.follow(1, newLink(t, f, "b"))
	c.follow(1, newLink(t, f, "c"))
	shared := a.write(10)
	a.commit()
	b.awaitPublished(shared)
	c.awaitPublished(shared)
	a.abdicate()

	b.reign(2) // b alone has this and loses it
	b.write(3)
	b.abdicate()
	c.reign(3) // c knows nothing of reign 2
	c.write(1)
	c.commit()
	c.abdicate()
	// b published its own seal, which tells it from a copy that may be cut: it was
	// committed, so this can't be. Nothing is changed.
	before := b.records()
	f = c.reign(4)
	if err := b.follow(4, newLink(t, f, "b")).ended(); !errors.Is(err, ErrConflict) {
		t.Fatal(err)
	}
	if got := b.records(); len(got) != len(before) || b.st.ElectionState().Promised != 2 {
		t.Fatalf("%d of %d records are left, promised %d", len(got), len(before), b.st.ElectionState().Promised)
	}
	// a has an unfinished batch of reign 1.
	a.w, _ = a.st.NewWorking(t.Context())
	a.store(a.make(4, "lost"))
	a.follow(4, newLink(t, f, "a"))
	rev := c.write(2)
	c.commit()
	a.awaitPublished(rev)
	sameCopy(t, a, c)
}

// TestDeepDivergence: unpublished reigns above the common part, several questions deep.
func TestDeepDivergence(t *testing.T) {
	p, r := newNode(t, "p"), newNode(t, "r")
	ctx := t.Context()
	// p: 1 2 3 of epoch 1, then 4 5 of epoch 3, then its reign 6.
	// r: 1 2 3 of epoch 1, then 4 of epoch 2, 5 6 of epoch 4, 7 of epoch 5.
	shared := run(1, 1, 3)
	for _, n := range []*node{p, r} {
		if err := n.st.AppendLogged(ctx, shared); err != nil {
			t.Fatal(err)
		}
	}
	for _, recs := range [][]record.Record{run(2, 4, 4), run(4, 5, 6), run(5, 7, 7)} {
		if err := r.st.AppendLogged(ctx, recs); err != nil {
			t.Fatal(err)
		}
	}
	if err := p.st.AppendLogged(ctx, run(3, 4, 5)); err != nil {
		t.Fatal(err)
	}
	f := p.reign(6)
	l := newLink(t, f, "r")
	var points []string
	l.down = func(m *peerpb.FollowResponse) error {
		if a := m.GetAgreement(); a != nil {
			points = append(points, position(a.Pos).String())
		}
		return nil
	}
	r.follow(6, l).mustAgree()
	if got := strings.Join(points, " "); got != "5@3 4@3 3@1" {
		t.Errorf("agreement points: %s", got)
	}
	rev := p.write(1)
	p.commit()
	r.awaitPublished(rev)
	sameCopy(t, p, r)
}

// run makes the records of an epoch's revisions, the first of which begins the reign.
func run(e record.Epoch, from, to record.Revision) (recs []record.Record) {
	for rev := from; rev <= to; rev++ {
		if rev == from {
			recs = append(recs, record.EpochStart(rev, e, "x", record.KeyState{}, testNow))
			continue
		}
		key := fmt.Appendf(nil, "%d@%d", rev, e)
		recs = append(recs, record.Record{Revision: rev, Epoch: e, Key: key, Version: 1, Created: true, CreateRevision: rev, CreatedAt: testNow, LeaderID: "x"})
	}
	return recs
}

// TestSameReignIsNeverCut: a Primary that has less than it once sent is refused.
func TestSameReignIsNeverCut(t *testing.T) {
	p, r := newNode(t, "p"), newNode(t, "r")
	f := p.reign(1)
	following := r.follow(1, newLink(t, f, "r"))
	rev := p.write(5)
	r.awaitReceipt(f, rev)
	following.stop()
	f.mu.Lock()
	f.last, f.stored, f.ring = 3, 3, ring{}
	f.mu.Unlock()
	if err := r.follow(1, newLink(t, f, "r")).ended(); !errors.Is(err, ErrConflict) {
		t.Fatal(err)
	}
	if tail := r.st.Tail().Revision; tail != rev {
		t.Fatalf("cut to %d", tail)
	}
}

// TestPurgedReplica: a copy that has compacted away where it would have to compare says so.
func TestPurgedReplica(t *testing.T) {
	p, r := newNode(t, "p"), newNode(t, "r")
	ctx := t.Context()
	if err := r.st.AppendLogged(ctx, run(1, 1, 1)); err != nil {
		t.Fatal(err)
	}
	var same []record.Record // one key again and again, so that compaction takes all but the last
	for rev := record.Revision(2); rev <= 600; rev++ {
		same = append(same, record.Record{Revision: rev, Epoch: 1, Key: []byte("k"), Version: int64(rev) - 1, CreateRevision: 2, Created: rev == 2, PrevRevision: max(0, rev-1)})
	}
	if err := r.st.AppendLogged(ctx, same); err != nil {
		t.Fatal(err)
	}
	w, err := r.st.NewWorking(ctx)
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(r.st.Publish(w.Snapshot()), r.st.Compact(ctx, 600)); err != nil {
		t.Fatal(err)
	}
	r.st.SetLogged(1, r.st.Tail())
	for pos := (record.Pos{Epoch: 1}); pos != (record.Pos{}); time.Sleep(time.Millisecond) { // the purger's own time
		if pos, err = r.st.PosAt(ctx, 3); err != nil {
			t.Fatal(err)
		}
	}
	if err := p.st.AppendLogged(ctx, run(1, 1, 3)); err != nil {
		t.Fatal(err)
	}
	f := p.reign(2)
	if err := r.follow(2, newLink(t, f, "r")).ended(); !errors.Is(err, ErrPurged) {
		t.Fatal(err)
	}
}

// primary is a Primary that says what a test makes it say, after an agreement on the
// replica's tail.
func primary(t *testing.T, e record.Epoch, say func(s peerpb.Peer_FollowServer, seen func() *peerpb.Receipt) error) *link {
	l := &link{t: t, peer: "r", window: 16}
	t.Cleanup(l.wg.Wait)
	l.serve = func(_ string, s peerpb.Peer_FollowServer) error {
		m, err := s.Recv()
		if err != nil {
			return err
		}
		if err := s.Send(&peerpb.FollowResponse{Message: &peerpb.FollowResponse_Agreement{
			Agreement: &peerpb.Agreement{Stream: 77, Pos: m.GetHello().Tail}}}); err != nil {
			return err
		}
		return say(s, func() *peerpb.Receipt {
			m, err := s.Recv()
			if err != nil {
				return nil
			}
			r := m.GetReceipt()
			if r == nil || r.Stream != 77 || r.Epoch != int64(e) {
				t.Errorf("%v", m)
			}
			return r
		})
	}
	return l
}

func appendOf(committed record.Revision, round uint64, recs ...record.Record) *peerpb.FollowResponse {
	a := &peerpb.Append{CommittedRevision: int64(committed), Round: round}
	for i := range recs {
		a.Records = append(a.Records, datafile.AppendRecord(nil, &recs[i]))
	}
	return &peerpb.FollowResponse{Message: &peerpb.FollowResponse_Append{Append: a}}
}

// TestRefusedRecords: records with a gap, of a later epoch, or damaged are neither stored
// nor receipted, and end the stream.
func TestRefusedRecords(t *testing.T) {
	recs := run(1, 1, 9)
	later := recs[3]
	later.Epoch = 2
	damaged := appendOf(2, 0, recs[3])
	damaged.GetAppend().Records[0][10] ^= 1
	var order *mvcc.OrderError
	is := func(target error) func(error) bool { return func(err error) bool { return errors.Is(err, target) } }
	for name, c := range map[string]struct {
		bad  *peerpb.FollowResponse
		want func(error) bool
	}{
		"gap":           {appendOf(2, 0, recs[4], recs[5]), func(err error) bool { return errors.As(err, &order) }},
		"gap within":    {appendOf(2, 0, recs[3], recs[5]), func(err error) bool { return errors.As(err, &order) }},
		"twice":         {appendOf(2, 0, recs[2]), func(err error) bool { return errors.As(err, &order) }},
		"later epoch":   {appendOf(2, 0, later), func(err error) bool { return strings.Contains(err.Error(), "can't come from a Primary of epoch 1") }},
		"damaged":       {damaged, is(datafile.ErrCorrupt)},
		"another hello": {&peerpb.FollowResponse{Message: &peerpb.FollowResponse_Agreement{Agreement: &peerpb.Agreement{}}}, is(ErrProtocol)},
		"empty":         {&peerpb.FollowResponse{}, is(ErrProtocol)},
		"behind":        {&peerpb.FollowResponse{Message: &peerpb.FollowResponse_Behind{}}, is(ErrBehind)},
	} {
		t.Run(name, func(t *testing.T) {
			r := newNode(t, "r")
			l := primary(t, 1, func(s peerpb.Peer_FollowServer, seen func() *peerpb.Receipt) error {
				if err := s.Send(appendOf(2, 0, recs[:3]...)); err != nil {
					return err
				}
				for got := seen(); got == nil || got.Revision < 3; got = seen() {
					if got == nil {
						return errors.New("no receipt")
					}
				}
				if err := s.Send(c.bad); err != nil {
					return err
				}
				for got := seen(); got != nil; got = seen() {
					if got.Revision != 3 {
						t.Errorf("receipt of revision %d", got.Revision)
					}
				}
				return nil
			})
			if err := r.follow(1, l).ended(); !c.want(err) {
				t.Error(err)
			}
			if tail := r.st.Tail(); tail != recs[2].Pos() || r.st.Snapshot().Revision() > 2 {
				t.Errorf("tail %v, published %d", tail, r.st.Snapshot().Revision())
			}
		})
	}
}

// TestBadAgreements: agreement points must descend from the tail.
func TestBadAgreements(t *testing.T) {
	point := func(e record.Epoch, rev record.Revision) *peerpb.FollowResponse {
		return &peerpb.FollowResponse{Message: &peerpb.FollowResponse_Agreement{Agreement: &peerpb.Agreement{Pos: message(record.Pos{Epoch: e, Revision: rev})}}}
	}
	for name, say := range map[string][]*peerpb.FollowResponse{
		"beyond the tail": {point(1, 6)},
		"the same again":  {point(2, 4), point(2, 4)},
		"up":              {point(2, 3), point(1, 4)},
		"records":         {appendOf(1, 0)},
		"higher epoch":    {point(2, 4), point(3, 3)},
	} {
		r := newNode(t, "r")
		if err := r.st.AppendLogged(t.Context(), run(1, 1, 5)); err != nil {
			t.Fatal(err)
		}
		l := &link{t: t, peer: "r", window: 16}
		l.serve = func(_ string, s peerpb.Peer_FollowServer) error {
			for _, m := range say {
				if err := s.Send(m); err != nil {
					return err
				}
			}
			for {
				if _, err := s.Recv(); err != nil {
					return err
				}
			}
		}
		if err := r.follow(3, l).ended(); !errors.Is(err, ErrProtocol) {
			t.Errorf("%s: %v", name, err)
		}
		l.wg.Wait()
		if es := r.st.ElectionState(); es.Promised != 0 || es.Tail.Revision != 5 {
			t.Errorf("%s: %+v", name, es)
		}
	}
}

// TestReceiptsFollowStoring: whatever a receipt says is in the file when it is sent.
func TestReceiptsFollowStoring(t *testing.T) {
	p, r := newNode(t, "p"), newNode(t, "r")
	f := p.reign(1)
	l := newLink(t, f, "r")
	l.up = func(m *peerpb.FollowRequest) error {
		rec := m.GetReceipt()
		if rec == nil || rec.Revision == 0 {
			return nil
		}
		if pos, err := r.st.PosAt(context.Background(), record.Revision(rec.Revision)); err != nil || pos.Revision == 0 {
			t.Errorf("receipt of revision %d: %v, %v", rec.Revision, pos, err)
		}
		return nil
	}
	r.follow(1, l)
	for range 50 {
		p.write(3)
	}
	r.awaitReceipt(f, p.w.Revision())
}

// TestPromiseEndsReceipts: once a replica has promised a later epoch, nothing that the
// old Primary does afterwards gets an answer from it: no record is receipted, no round
// is answered. Again and again, at whatever moment it happens.
func TestPromiseEndsReceipts(t *testing.T) {
	p, r := newNode(t, "p"), newNode(t, "r")
	for round := range 30 {
		e := record.Epoch(2*round + 1)
		f := p.reign(e)
		following := r.follow(e, newLink(t, f, "r"))
		following.mustAgree()
		var writing atomic.Bool
		writing.Store(true)
		stopped := make(chan struct{})
		go func() { // rounds keep the receipts coming
			defer close(stopped)
			for writing.Load() {
				ctx, cancel := context.WithTimeout(context.Background(), time.Millisecond)
				f.Round(ctx, func(refs []registry.NodeRef) bool { return len(refs) > 0 })
				cancel()
			}
		}()
		for range round % 7 {
			p.write(1)
		}
		es, err := r.st.Promise(t.Context(), e+1)
		if err != nil {
			t.Fatal(err)
		}
		// From here on it must be mute.
		ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
		err = f.Round(ctx, func(refs []registry.NodeRef) bool { return len(refs) > 0 })
		cancel()
		if err == nil {
			t.Fatalf("a round that began after the promise was answered")
		}
		p.write(1)
		writing.Store(false)
		<-stopped
		var promised *mvcc.PromisedError
		if err := following.ended(); !errors.As(err, &promised) || promised.Promised != e+1 {
			t.Fatal(err)
		}
		if got := f.Followers()[0].Receipt; got > es.Tail.Revision {
			t.Fatalf("revision %d was receipted, the promise was made with a tail of %d", got, es.Tail.Revision)
		}
		if err := r.follow(e, newLink(t, f, "r")).ended(); !errors.As(err, &promised) {
			t.Fatal(err)
		}
		p.commit()
		if _, err := p.st.Promise(t.Context(), e+1); err != nil {
			t.Fatal(err)
		}
	}
}

// TestPromiseIsReadLast: a receipt that may name a new round looks at the promise after
// it has read the round.
func TestPromiseIsReadLast(t *testing.T) {
	n := newNode(t, "r")
	if _, err := n.st.Promise(t.Context(), 1); err != nil {
		t.Fatal(err)
	}
	r := &replica{cfg: FollowConfig{Store: n.st, Self: n.ref(), Epoch: 1, Applier: n.applier}}
	r.cfg.setDefaults()
	if _, err := r.receipt(); err != nil {
		t.Fatal(err)
	}
	r.mu.Lock() // it gets this far and no further
	got := make(chan error, 1)
	go func() {
		_, err := r.receipt()
		got <- err
	}()
	if _, err := n.st.Promise(t.Context(), 2); err != nil { // an fsync: the other has begun long ago
		t.Fatal(err)
	}
	r.round = 1 // began after the promise
	r.mu.Unlock()
	var promised *mvcc.PromisedError
	if err := <-got; !errors.As(err, &promised) {
		t.Fatalf("a receipt for the round: %v", err)
	}
}

// TestRounds: an answer proves what held after the round began, and nothing else.
func TestRounds(t *testing.T) {
	p, a, b := newNode(t, "p"), newNode(t, "a"), newNode(t, "b")
	f := p.reign(1)
	nobody := func(refs []registry.NodeRef) bool { return len(refs) == 0 }
	if err := f.Round(t.Context(), nobody); err != nil {
		t.Fatal(err)
	}
	following := a.follow(1, newLink(t, f, "a"))
	following.mustAgree()
	b.follow(1, newLink(t, f, "b")).mustAgree()
	var wait []<-chan error
	for n := range 8 {
		want := n%2 + 1
		got := make(chan error, 1)
		wait = append(wait, got)
		go func() {
			got <- f.Round(t.Context(), func(refs []registry.NodeRef) bool { return len(refs) >= want })
		}()
	}
	for _, w := range wait {
		if err := <-w; err != nil {
			t.Error(err)
		}
	}
	following.stop()
	await(t, f, "a to leave", func(fs []Follower) bool { return !fs[0].Connected })
	// a's earlier answers don't count in a new round.
	if err := f.Round(t.Context(), func(refs []registry.NodeRef) bool {
		if len(refs) > 1 || len(refs) == 1 && refs[0] != b.ref() {
			t.Errorf("answered by %v", refs)
		}
		return len(refs) == 1
	}); err != nil {
		t.Error(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 5*testInterval)
	defer cancel()
	if err := f.Round(ctx, func(refs []registry.NodeRef) bool { return len(refs) == 2 }); !errors.Is(err, context.DeadlineExceeded) {
		t.Error(err)
	}
	// It comes back while a round waits, and answers it.
	got := make(chan error, 1)
	go func() { got <- f.Round(t.Context(), func(refs []registry.NodeRef) bool { return len(refs) == 2 }) }()
	a.follow(1, newLink(t, f, "a"))
	if err := <-got; err != nil {
		t.Error(err)
	}
	go func() { got <- f.Round(t.Context(), func(refs []registry.NodeRef) bool { return len(refs) == 3 }) }()
	p.abdicate()
	if err := <-got; err == nil {
		t.Error("a round of a closed feed")
	}
}

// TestSilentPrimary: a stream on which nothing comes is given up.
func TestSilentPrimary(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newNode(t, "r")
		began := time.Now()
		l := primary(t, 1, func(s peerpb.Peer_FollowServer, seen func() *peerpb.Receipt) error {
			for n := 0; seen() != nil; n++ {
				if n == 2 { // the last word, two seconds after the agreement
					if err := s.Send(appendOf(0, 0)); err != nil {
						return err
					}
				}
			}
			return nil
		})
		following := r.follow(1, l, func(c *FollowConfig) { c.HeartbeatInterval, c.DegradationCount = time.Second, 2 })
		if err := following.ended(); !errors.Is(err, ErrSilent) {
			t.Error(err)
		}
		if d := time.Since(began); d != 5*time.Second {
			t.Errorf("after %v", d)
		}
		if why := reason(following.err); why != "silent" {
			t.Error(why)
		}
	})
}

// TestRefusedAtTheFirstReceipt: what the Primary says as it ends the stream comes through
// even if the first receipt finds it ended.
func TestRefusedAtTheFirstReceipt(t *testing.T) {
	r := newNode(t, "r")
	l := &link{t: t, window: 16}
	l.serve = func(_ string, s peerpb.Peer_FollowServer) error {
		if _, err := s.Recv(); err != nil {
			return err
		}
		if err := s.Send(&peerpb.FollowResponse{Message: &peerpb.FollowResponse_Agreement{Agreement: &peerpb.Agreement{Pos: message(record.Pos{})}}}); err != nil {
			return err
		}
		return status.Error(codes.FailedPrecondition, "over")
	}
	l.up = func(m *peerpb.FollowRequest) error {
		if m.GetReceipt() != nil {
			l.wg.Wait()
		}
		return nil
	}
	if err := r.follow(1, l).ended(); status.Code(errors.Unwrap(err)) != codes.FailedPrecondition {
		t.Error(err)
	}
}

// TestUnreachable: errors of the connection come through.
func TestUnreachable(t *testing.T) {
	r := newNode(t, "r")
	l := &link{t: t, serve: func(string, peerpb.Peer_FollowServer) error {
		return status.Error(codes.FailedPrecondition, "not the Primary")
	}}
	if err := r.follow(1, l).ended(); status.Code(err) != codes.FailedPrecondition {
		t.Error(err)
	}
	l.wg.Wait()
}

// TestCutAnywhere cuts the line after each message in turn; the copy catches up over
// the next stream.
func TestCutAnywhere(t *testing.T) {
	p, r := newNode(t, "p"), newNode(t, "r")
	f := p.reign(1)
	for n := range 24 {
		l := newLink(t, f, "r")
		left := n / 2
		count := func() error {
			if left--; left < 0 {
				return errCut
			}
			return nil
		}
		if n%2 == 0 {
			l.up = func(*peerpb.FollowRequest) error { return count() }
		} else {
			l.down = func(*peerpb.FollowResponse) error { return count() }
		}
		following := r.follow(1, l)
		for range 4 {
			p.write(2)
			p.commit()
		}
		if err := following.ended(); err == nil {
			t.Fatal("no error")
		}
	}
	r.follow(1, newLink(t, f, "r"))
	r.awaitPublished(p.w.Revision())
	sameCopy(t, p, r)
}
