package forward

import (
	"bytes"
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	etcdpb "go.etcd.io/etcd/api/v3/etcdserverpb"
	"go.etcd.io/etcd/api/v3/v3rpc/rpctypes"

	pb "github.com/netsy-io/netsy/pkg/netsypb/peerpb"
	"github.com/netsy-io/netsy/pkg/primary"
)

// Close answers everything at once, by the rule, and what comes later.
func TestClose(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newScriptedStream(1)
		c := newClient(&scriptedPeer{streams: []*scriptedStream{s}})
		errs := make([]chan error, 3)
		for i := range errs {
			errs[i] = make(chan error, 1)
			go func() { errs[i] <- asking(t.Context(), c, true, i) }()
			synctest.Wait()
		}
		c.Close()
		for i, want := range []error{primary.ErrUnknownOutcome, primary.ErrUnknownOutcome, primary.ErrNotPrimary} {
			if err := <-errs[i]; !errors.Is(err, want) {
				t.Errorf("call %d: %v, want %v", i, err, want)
			}
		}
		if err := asking(t.Context(), c, true, 3); !errors.Is(err, primary.ErrNotPrimary) {
			t.Error(err)
		}
		if _, err := c.ReadIndex(t.Context()); !errors.Is(err, primary.ErrNotPrimary) {
			t.Error(err)
		}
		c.Close()
	})
}

// What the Primary answers soon after Close is known, nothing more is sent, and whom it
// doesn't answer is in doubt.
func TestCloseHearsAnswers(t *testing.T) {
	for _, tt := range []struct {
		name     string
		closeErr error
		answered bool
		most     time.Duration
	}{
		{name: "in time", answered: true, most: lingerFor},
		{name: "the stream can't be closed", closeErr: errCut},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newScriptedStream(-1)
				s.closeErr = tt.closeErr
				c := newClient(&scriptedPeer{streams: []*scriptedStream{s}})
				errs := make([]chan error, 3)
				ask := func(i int) {
					errs[i] = make(chan error, 1)
					go func() { errs[i] <- asking(t.Context(), c, true, i) }()
					synctest.Wait()
				}
				ask(0)
				ask(1)
				begun, closed := time.Now(), make(chan struct{})
				go func() { c.Close(); close(closed) }()
				synctest.Wait()
				ask(2)
				time.Sleep(lingerFor / 2)
				s.answer(t, 0)
				synctest.Wait()
				<-s.closed
				<-closed
				if took := time.Since(begun); took > max(tt.most, lingerFor/2) {
					t.Errorf("Close took %v", took)
				}
				want := []error{nil, primary.ErrUnknownOutcome, primary.ErrNotPrimary}
				if !tt.answered {
					want[0] = primary.ErrUnknownOutcome
				}
				for i, err := range want {
					if got := <-errs[i]; !errors.Is(got, err) {
						t.Errorf("call %d: %v, want %v", i, got, err)
					}
				}
				if n := len(s.requests()); n != 2 {
					t.Errorf("%d requests were sent", n)
				}
			})
		})
	}
}

// With nothing to wait for, Close waits for nothing.
func TestCloseOfIdle(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newScriptedStream(-1)
		c := newClient(&scriptedPeer{streams: []*scriptedStream{s}})
		done := make(chan error, 1)
		go func() { done <- asking(t.Context(), c, true, 0) }()
		synctest.Wait()
		s.answer(t, 0)
		if err := <-done; err != nil {
			t.Error(err)
		}
		begun := time.Now()
		c.Close()
		if took := time.Since(begun); took != 0 {
			t.Errorf("Close took %v", took)
		}
	})
}

// A caller that leaves hears of its own end only. If its request waits, it is never
// sent; if it was sent, its answer is nobody else's.
func TestCallerLeaves(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newScriptedStream(1)
		c := newClient(&scriptedPeer{streams: []*scriptedStream{s}})
		defer c.Close()
		sent, queued := make(chan error, 1), make(chan error, 1)
		blocked := make(chan error, 1)
		leaving, leave := context.WithCancel(t.Context())
		go func() { sent <- asking(leaving, c, true, 0) }()
		synctest.Wait()
		go func() { blocked <- asking(t.Context(), c, true, 1) }() // holds the sender up
		synctest.Wait()
		go func() { queued <- asking(leaving, c, true, 2) }()
		synctest.Wait()
		leave()
		for _, ch := range []chan error{sent, queued} {
			if err := <-ch; !errors.Is(err, context.Canceled) || errors.Is(err, primary.ErrNotPrimary) {
				t.Error(err)
			}
		}
		close(s.release)
		s.answer(t, 0) // the late answer harms nothing
		synctest.Wait()
		if n := len(s.requests()); n != 2 {
			t.Fatalf("%d requests were sent, want 2", n)
		}
		s.answer(t, 1)
		if err := <-blocked; err != nil {
			t.Error(err)
		}
	})
}

func TestTimeoutTravels(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newScriptedStream(-1)
		c := newClient(&scriptedPeer{streams: []*scriptedStream{s}})
		defer c.Close()
		limited, cancel := context.WithTimeout(t.Context(), 3*time.Second)
		defer cancel()
		errs := make(chan error, 2)
		go func() { errs <- asking(limited, c, true, 0) }()
		synctest.Wait()
		go func() { errs <- asking(t.Context(), c, true, 1) }()
		synctest.Wait()
		reqs := s.requests()
		if reqs[0].TimeoutNanos != int64(3*time.Second) || reqs[1].TimeoutNanos != 0 {
			t.Errorf("timeouts %d and %d", reqs[0].TimeoutNanos, reqs[1].TimeoutNanos)
		}
		if err := <-errs; !errors.Is(err, context.DeadlineExceeded) {
			t.Error(err)
		}
		s.answer(t, 1)
		if err := <-errs; err != nil {
			t.Error(err)
		}
		if err := asking(limited, c, true, 2); !errors.Is(err, context.DeadlineExceeded) || len(s.requests()) != 2 {
			t.Error("a call whose time had passed was sent", err)
		}
	})
}

func TestQueueFull(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newScriptedStream(0)
		c := newClient(&scriptedPeer{streams: []*scriptedStream{s}})
		errs := make(chan error, maxWaiting+1)
		for range maxWaiting + 1 { // one is being sent
			go func() { errs <- asking(t.Context(), c, true, 0) }()
		}
		synctest.Wait()
		if err := asking(t.Context(), c, true, 0); !errors.Is(err, primary.ErrQueueFull) {
			t.Error(err)
		}
		c.Close()
		unknown := 0
		for range maxWaiting + 1 {
			if errors.Is(<-errs, primary.ErrUnknownOutcome) {
				unknown++
			}
		}
		if unknown > 1 {
			t.Errorf("%d outcomes are unknown, only one request was handed over", unknown)
		}
	})
}

// An answer to a question that was not asked makes every other answer doubtful.
func TestUnaskedAnswerEndsTheStream(t *testing.T) {
	for name, id := range map[string]uint64{"never asked": 99, "answered before": 1} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s, next := newScriptedStream(-1), newScriptedStream(-1)
				c := newClient(&scriptedPeer{streams: []*scriptedStream{s, next}})
				defer c.Close()
				errs := make([]chan error, 2)
				for i := range errs {
					errs[i] = make(chan error, 1)
					go func() { errs[i] <- asking(t.Context(), c, true, i) }()
					synctest.Wait()
				}
				s.answer(t, 0)
				if err := <-errs[0]; err != nil {
					t.Fatal(err)
				}
				s.answers <- &pb.ForwardResponse{Id: id}
				if err := <-errs[1]; !errors.Is(err, primary.ErrUnknownOutcome) || !errors.Is(err, errUnasked) {
					t.Fatal(err)
				}
				worksAgain(t, c, next)
			})
		})
	}
}

// An answer of the wrong kind, or one that can't be read, leaves a write's outcome open.
func TestBadAnswers(t *testing.T) {
	junk := &pb.ForwardResponse_Response{Response: []byte{0xff}}
	for name, c := range map[string]struct {
		ask     func(*Client) error
		answer  *pb.ForwardResponse
		unknown bool
	}{
		"write, none":        {txn, &pb.ForwardResponse{}, true},
		"write, junk":        {txn, &pb.ForwardResponse{Answer: junk}, true},
		"write, revision":    {txn, &pb.ForwardResponse{Answer: &pb.ForwardResponse_Revision{Revision: 3}}, true},
		"compact, none":      {compact, &pb.ForwardResponse{}, true},
		"compact, other":     {compact, &pb.ForwardResponse{Answer: &pb.ForwardResponse_Revision{Revision: 3}}, true},
		"lease, none":        {grant, &pb.ForwardResponse{}, false},
		"lease, zero":        {grant, &pb.ForwardResponse{Answer: &pb.ForwardResponse_Lease{}}, false},
		"read index, none":   {index, &pb.ForwardResponse{}, false},
		"read index, zero":   {index, &pb.ForwardResponse{Answer: &pb.ForwardResponse_Revision{}}, false},
		"read index, error0": {index, &pb.ForwardResponse{Answer: &pb.ForwardResponse_Error{}}, false},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newScriptedStream(-1)
				cl := newClient(&scriptedPeer{streams: []*scriptedStream{s}})
				defer cl.Close()
				err := make(chan error, 1)
				go func() { err <- c.ask(cl) }()
				synctest.Wait()
				s.answers <- &pb.ForwardResponse{Id: s.requests()[0].Id, Answer: c.answer.Answer}
				if err := <-err; err == nil || errors.Is(err, primary.ErrUnknownOutcome) != c.unknown {
					t.Fatal(err)
				}
			})
		})
	}
}

// Everything that changes something has an unknown outcome when its answer is lost;
// questions are only asked again.
func TestWhatChangesSomething(t *testing.T) {
	for name, r := range map[string]struct {
		ask  func(*Client) error
		want error
	}{
		"txn":        {txn, primary.ErrUnknownOutcome},
		"put":        {put, primary.ErrUnknownOutcome},
		"delete":     {remove, primary.ErrUnknownOutcome},
		"compact":    {compact, primary.ErrUnknownOutcome},
		"lease":      {grant, primary.ErrNotPrimary},
		"read index": {index, primary.ErrNotPrimary},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newScriptedStream(-1)
				c := newClient(&scriptedPeer{streams: []*scriptedStream{s}})
				defer c.Close()
				err := make(chan error, 1)
				go func() { err <- r.ask(c) }()
				synctest.Wait()
				close(s.broken)
				if err := <-err; !errors.Is(err, r.want) {
					t.Fatalf("%v, want %v", err, r.want)
				}
			})
		})
	}
}

func put(c *Client) error { _, err := c.Put(context.Background(), &etcdpb.PutRequest{}); return err }
func remove(c *Client) error {
	_, err := c.DeleteRange(context.Background(), &etcdpb.DeleteRangeRequest{})
	return err
}
func txn(c *Client) error     { _, err := c.Txn(context.Background(), &etcdpb.TxnRequest{}); return err }
func compact(c *Client) error { return c.Compact(context.Background(), 2) }
func grant(c *Client) error   { _, _, err := c.LeaseGrant(context.Background(), 10); return err }
func index(c *Client) error   { _, err := c.ReadIndex(context.Background()); return err }

func TestTooLargeIsNotSent(t *testing.T) {
	c := newClient(&scriptedPeer{}) // has no stream: opening one panics
	defer c.Close()
	_, err := c.Put(t.Context(), &etcdpb.PutRequest{Key: []byte("k"), Value: bytes.Repeat([]byte{1}, MaxRequestBytes)})
	if !errors.Is(err, rpctypes.ErrGRPCRequestTooLarge) {
		t.Fatal(err)
	}
}
