package replication

import (
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"

	"github.com/netsy-io/netsy/pkg/netsypb/peerpb"
	"github.com/netsy-io/netsy/pkg/record"
	"github.com/netsy-io/netsy/pkg/registry"
)

type peerServer struct {
	peerpb.UnimplementedPeerServer
	feed *Feed
}

func (s peerServer) Follow(stream peerpb.Peer_FollowServer) error { return s.feed.Serve("r", stream) }

// serveGRPC serves a feed on the loopback and returns a client of it.
func serveGRPC(t testing.TB, f *Feed) peerpb.PeerClient {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	srv := grpc.NewServer()
	peerpb.RegisterPeerServer(srv, peerServer{feed: f})
	served := make(chan error, 1)
	go func() { served <- srv.Serve(l) }()
	cc, err := grpc.NewClient(l.Addr().String(), grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		cc.Close()
		srv.Stop()
		if err := <-served; err != nil {
			t.Error(err)
		}
	})
	return peerpb.NewPeerClient(cc)
}

// TestOverGRPC: the same over real connections: catching up, one record larger than
// gRPC takes by default, commits, a round, the end of the reign.
func TestOverGRPC(t *testing.T) {
	p, r := newNode(t, "p"), newNode(t, "r")
	f := p.reign(1)
	p.write(2000)
	big := p.make(1, strings.Repeat("v", 6<<20))
	f.Send(big)
	p.store(big)
	f.Stored(p.w.Revision())
	p.commit()
	client := serveGRPC(t, f)
	following := r.follow(1, nil, func(c *FollowConfig) { c.Primary = client })
	r.awaitPublished(p.w.Revision())
	p.write(10)
	p.commit()
	r.awaitPublished(p.w.Revision())
	sameCopy(t, p, r)
	if err := f.Round(t.Context(), func(refs []registry.NodeRef) bool { return len(refs) == 1 && refs[0] == r.ref() }); err != nil {
		t.Error(err)
	}
	f.Close(errors.New("over"))
	if err := following.ended(); reason(err) != "primary" {
		t.Error(err)
	}
}

// TestStuckReaderOverGRPC: a replica that reads nothing fills what gRPC buffers; its
// sender then waits. Neither Send nor Close does.
func TestStuckReaderOverGRPC(t *testing.T) {
	p := newNode(t, "p")
	f := p.reign(1)
	client := serveGRPC(t, f)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	s, err := client.Follow(ctx)
	if err != nil {
		t.Fatal(err)
	}
	r := &raw{t: t, s: s, id: "r", incarnation: "r-1", epoch: 1, cancel: cancel}
	r.join(record.Pos{Epoch: 1, Revision: 1})
	for range 40 {
		f.Send(p.make(4, strings.Repeat("v", 100<<10)))
	}
	// It got the first message at least, then the sender got stuck within them.
	await(t, f, "the follower", func(fs []Follower) bool { return len(fs) == 1 && fs[0].Connected })
	stuck := time.AfterFunc(time.Minute, func() { panic("Close waits for a follower") })
	defer stuck.Stop()
	f.Close(errors.New("over"))
	if _, err := r.end(); err == nil {
		t.Error("no end")
	}
}

// BenchmarkSend is what a batch of 64 records costs, with so many followers that read
// everything: assigned, encoded, sent. It waits for followers that are far behind.
func BenchmarkSend(b *testing.B) {
	for _, n := range []int{0, 2} {
		b.Run(fmt.Sprintf("%d followers", n), func(b *testing.B) { benchmarkSend(b, n) })
	}
}

func benchmarkSend(b *testing.B, followers int) {
	p := newNode(b, "p")
	f := p.reign(1)
	var wg sync.WaitGroup
	for n := range followers {
		wg.Go(func() { drain(f, fmt.Sprint(n)) })
	}
	reached := func(rev record.Revision) func([]Follower) bool {
		return func(fs []Follower) bool {
			return len(fs) == followers && !slices.ContainsFunc(fs, func(x Follower) bool { return !x.Connected || x.Receipt < rev })
		}
	}
	await(b, f, "all to follow", reached(1))
	value := []byte(strings.Repeat("v", 500))
	rev := record.Revision(1)
	b.ReportAllocs()
	for b.Loop() {
		recs := make([]record.Record, 64)
		for i := range recs {
			rev++
			recs[i] = record.Record{Revision: rev, Epoch: 1, Key: []byte("/registry/pods/default/name"), Value: value, Version: 3, CreatedAt: testNow, LeaderID: "p"}
		}
		f.Send(recs)
		if far := rev - 64*500; far > 0 && rev%(64*100) == 1 {
			await(b, f, "followers", reached(far))
			f.Stored(far)
		}
	}
	await(b, f, "everything to arrive", reached(rev))
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(rev), "ns/record")
	f.Close(nil)
	wg.Wait()
}

// drain follows without storing anything: its receipts are for what it read.
func drain(f *Feed, id string) {
	ctx, cancel := context.WithCancelCause(context.Background())
	s := &drained{ctx: ctx, id: id, agreed: make(chan uint64, 1), heard: make(chan record.Revision, 1)}
	f.Serve(id, s)
	cancel(nil)
}

// drained is the server's end of a stream whose other end reads at once.
type drained struct {
	grpc.ServerStream
	ctx    context.Context
	id     string
	state  int
	stream uint64
	agreed chan uint64
	heard  chan record.Revision
}

func (d *drained) Context() context.Context { return d.ctx }

func (d *drained) Send(m *peerpb.FollowResponse) error {
	if a := m.GetAgreement(); a != nil {
		d.agreed <- a.Stream
		return nil
	}
	if recs := m.GetAppend().GetRecords(); len(recs) > 0 {
		e, err := decode(recs[len(recs)-1:])
		if err != nil {
			return err
		}
		select {
		case <-d.heard:
		default:
		}
		d.heard <- e.recs[0].Revision
	}
	return nil
}

func (d *drained) Recv() (*peerpb.FollowRequest, error) {
	d.state++
	switch d.state {
	case 1:
		return &peerpb.FollowRequest{Message: &peerpb.FollowRequest_Hello{Hello: &peerpb.Hello{
			Node: &peerpb.NodeRef{NodeId: d.id, Incarnation: "i"}, Epoch: 1, Tail: message(record.Pos{Epoch: 1, Revision: 1})}}}, nil
	case 2:
		d.stream = <-d.agreed
		return d.receipt(1), nil
	}
	select {
	case rev := <-d.heard:
		return d.receipt(rev), nil
	case <-d.ctx.Done():
		return nil, d.ctx.Err()
	}
}

func (d *drained) receipt(rev record.Revision) *peerpb.FollowRequest {
	return &peerpb.FollowRequest{Message: &peerpb.FollowRequest_Receipt{Receipt: &peerpb.Receipt{Incarnation: "i", Epoch: 1, Stream: d.stream, Revision: int64(rev)}}}
}
