package simulation

import (
	"context"
	"errors"
	"io"
	"testing"
	"testing/synctest"
	"time"

	pb "go.etcd.io/etcd/api/v3/etcdserverpb"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/netsy-io/netsy/pkg/identity"
	"github.com/netsy-io/netsy/pkg/objectstore"
)

// rig is a server that echoes revisions, and a client of it.
type rig struct {
	net            *network
	client, server *party
	stream         watchClient // of one call
	ended          error       // why the handler of the call ended
}

func onNetwork(t *testing.T, f func(t *testing.T, r *rig)) {
	synctest.Test(t, func(t *testing.T) {
		r := &rig{net: newNetwork(newRand(1, "network"), delays{Usual: 10 * time.Millisecond, Most: time.Second, Odd: 0.2})}
		r.client, r.server = r.net.join("client", identity.RoleClient), r.net.join("server", identity.RolePeer)
		r.server.RegisterService(&grpc.ServiceDesc{ServiceName: kvService, Methods: []grpc.MethodDesc{
			{MethodName: "Range", Handler: unary(func(_ context.Context, q *pb.RangeRequest) (*pb.RangeResponse, error) {
				if q.Revision == 0 {
					return nil, status.Error(codes.OutOfRange, "no revision")
				}
				return &pb.RangeResponse{Count: q.Revision}, nil
			})},
		}}, nil)
		r.server.RegisterService(&grpc.ServiceDesc{ServiceName: watchService, Streams: []grpc.StreamDesc{{StreamName: "Watch", Handler: func(_ any, s grpc.ServerStream) error {
			r.ended = echo(watchServerStream{s})
			return r.ended
		}}}}, nil)
		r.net.change(func() { r.server.serves = true })
		ctx, cancel := context.WithCancel(t.Context())
		var err error
		if r.stream, err = (conn{r.client, "server"}).watch(ctx); err != nil {
			t.Fatal(err)
		}
		f(t, r)
		cancel()
		r.net.mend()
		r.net.calls.Wait()
	})
}

func echo(s watchServerStream) error {
	if err := s.SendHeader(nil); err != nil {
		return err
	}
	for {
		q, err := s.Recv()
		if err != nil {
			return err
		}
		if err := s.Send(&pb.WatchResponse{WatchId: q.GetCancelRequest().WatchId}); err != nil {
			return err
		}
	}
}

func (r *rig) send(t *testing.T, id int64) {
	t.Helper()
	if err := r.stream.Send(&pb.WatchRequest{RequestUnion: &pb.WatchRequest_CancelRequest{CancelRequest: &pb.WatchCancelRequest{WatchId: id}}}); err != nil {
		t.Fatal(err)
	}
}

func (r *rig) expect(t *testing.T, id int64) {
	t.Helper()
	if resp, err := r.stream.Recv(); err != nil || resp.WatchId != id {
		t.Fatalf("%v, %v, want %d", resp, err, id)
	}
}

func TestStreamsKeepOrder(t *testing.T) {
	onNetwork(t, func(t *testing.T, r *rig) {
		if md, err := r.stream.Header(); md == nil || err != nil {
			t.Fatalf("the handler took the call: %v, %v", md, err)
		}
		for i := range int64(200) {
			r.send(t, i)
		}
		for i := range int64(200) {
			r.expect(t, i)
		}
		if err := r.stream.CloseSend(); err != nil {
			t.Fatal(err)
		}
		if _, err := r.stream.Recv(); !errors.Is(err, io.EOF) && status.Code(err) != codes.Unknown {
			t.Fatal(err)
		}
	})
}

func TestUnaryCalls(t *testing.T) {
	onNetwork(t, func(t *testing.T, r *rig) {
		kv := kvClient{conn{r.client, "server"}}
		if resp, err := kv.Range(t.Context(), &pb.RangeRequest{Revision: 7}); err != nil || resp.Count != 7 {
			t.Fatal(resp, err)
		}
		if _, err := kv.Range(t.Context(), &pb.RangeRequest{}); status.Code(err) != codes.OutOfRange {
			t.Fatal(err)
		}
		if _, err := (kvClient{conn{r.client, "nobody"}}).Range(t.Context(), &pb.RangeRequest{}); status.Code(err) != codes.Unavailable {
			t.Fatal(err)
		}
	})
}

// TestCuts: what is under way waits for a short cut to end, one way as both ways, and
// the call breaks when it lasts.
func TestCuts(t *testing.T) {
	for name, cut := range map[string]func(n *network, cut bool){
		"there": func(n *network, cut bool) { n.sever("client", "server", cut) },
		"back":  func(n *network, cut bool) { n.sever("server", "client", cut) },
		"held":  func(n *network, cut bool) { n.parties["server"].hold(cut) },
	} {
		t.Run(name, func(t *testing.T) {
			onNetwork(t, func(t *testing.T, r *rig) {
				cut(r.net, true)
				r.send(t, 1)
				begun := time.Now()
				time.AfterFunc(keepalive-time.Second, func() { cut(r.net, false) })
				r.expect(t, 1)
				if time.Since(begun) < keepalive-time.Second {
					t.Fatal("a message passed")
				}
				time.Sleep(time.Second) // or nobody may notice that it was mended
				cut(r.net, true)
				r.send(t, 2)
				if _, err := r.stream.Recv(); status.Code(err) != codes.Unavailable {
					t.Fatal(err)
				}
				if d := time.Since(begun); d < 2*keepalive-time.Second || d > 3*keepalive+time.Second {
					t.Fatalf("it broke after %v", d)
				}
			})
		})
	}
}

// TestDeath: nothing of what a dead party does reaches anybody, and its peers hear of
// its end.
func TestDeath(t *testing.T) {
	onNetwork(t, func(t *testing.T, r *rig) {
		r.send(t, 1)
		r.expect(t, 1)
		r.client.kill()
		if r.stream.Send(&pb.WatchRequest{}) == nil {
			t.Error("a dead party sends")
		}
		time.Sleep(2 * time.Second)
		synctest.Wait()
		if r.ended == nil {
			t.Error("the handler serves a dead client")
		}
	})
	onNetwork(t, func(t *testing.T, r *rig) {
		r.send(t, 1)
		r.expect(t, 1)
		r.server.kill()
		if _, err := r.stream.Recv(); status.Code(err) != codes.Unavailable {
			t.Error(err)
		}
	})
}

// TestBucket: what a bucket's faults do to a write.
func TestBucket(t *testing.T) {
	for name, c := range map[string]struct {
		rates   storeRates
		outage  outage
		err     error
		at, end bool // whether it has happened when its caller learns, and in the end
	}{
		"fine":       {err: nil, at: true, end: true},
		"refused":    {rates: storeRates{Refused: 1}, err: objectstore.ErrUnavailable},
		"lost reply": {rates: storeRates{LostReply: 1}, err: objectstore.ErrUnknownOutcome, at: true, end: true},
		"lost":       {rates: storeRates{LostWrite: 1}, err: objectstore.ErrUnknownOutcome},
		"late":       {rates: storeRates{Late: 1}, err: objectstore.ErrUnknownOutcome, end: true},
		"echoed":     {rates: storeRates{Echo: 1}, err: objectstore.ErrPreconditionFailed, at: true, end: true},
		"away":       {outage: outFail, err: objectstore.ErrUnavailable},
		"black":      {outage: outBlack, err: objectstore.ErrUnknownOutcome},
		"mute":       {outage: outMute, err: objectstore.ErrUnknownOutcome, at: true, end: true},
	} {
		t.Run(name, func(t *testing.T) {
			onNetwork(t, func(t *testing.T, r *rig) {
				b := newBucket(newRand(1, "bucket"), delays{Usual: time.Millisecond, Most: time.Millisecond})
				b.setRates(c.rates)
				b.setOutage("client", c.outage)
				_, err := b.of(r.client).Put(t.Context(), "k", []byte("v"), objectstore.IfAbsent())
				if !errors.Is(err, c.err) {
					t.Errorf("%v, want %v", err, c.err)
				}
				there := func() bool { _, err := b.mem.Stat(t.Context(), "k"); return err == nil }
				if there() != c.at {
					t.Errorf("it has happened: %v", !c.at)
				}
				time.Sleep(latest)
				synctest.Wait()
				if there() != c.end {
					t.Errorf("it has happened in the end: %v", !c.end)
				}
				b.close()
			})
		})
	}
}
