package forward

import (
	"context"
	"errors"
	"io"
	"sync"

	etcdpb "go.etcd.io/etcd/api/v3/etcdserverpb"

	pb "github.com/netsy-io/netsy/pkg/netsypb/peerpb"
	"github.com/netsy-io/netsy/pkg/record"
)

// Primary is who does what is asked: the active reign of this node.
type Primary interface {
	Txn(context.Context, *etcdpb.TxnRequest) (*etcdpb.TxnResponse, error)
	Put(context.Context, *etcdpb.PutRequest) (*etcdpb.PutResponse, error)
	DeleteRange(context.Context, *etcdpb.DeleteRangeRequest) (*etcdpb.DeleteRangeResponse, error)
	LeaseGrant(ctx context.Context, ttl int64) (id, granted int64, err error)
	Compact(context.Context, record.Revision) error
	// ReadIndex returns what is committed and compacted as of some moment after the call.
	ReadIndex(context.Context) (ReadIndex, error)
}

// PrimaryFunc returns the active reign of this very node, or primary.ErrNotPrimary: a
// request is never forwarded a second time.
type PrimaryFunc func(context.Context) (Primary, error)

// Serve answers the requests on stream, each in a goroutine of its own, until the
// stream ends. What a request proposed by then goes on without it.
func Serve(stream pb.Peer_ForwardServer, primaryOf PrimaryFunc) error {
	// The client waits for it: from here on what it sends may be done.
	if err := stream.SendHeader(nil); err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(stream.Context())
	defer cancel()
	answers := make(chan *pb.ForwardResponse, maxServed) // so that nobody who has an answer waits for the network
	sent := make(chan error, 1)
	go func() { sent <- sendAnswers(stream, answers) }() // ends when answers is closed
	var requests sync.WaitGroup
	err := serveRequests(ctx, stream, &requests, func(req *pb.ForwardRequest) {
		answers <- answer(ctx, req, primaryOf)
	})
	if err != nil {
		cancel()
	}
	requests.Wait()
	close(answers)
	return errors.Join(err, <-sent)
}

// serveRequests runs serve in a goroutine for each request. It returns nil once the
// client will send no more.
func serveRequests(ctx context.Context, stream pb.Peer_ForwardServer, requests *sync.WaitGroup, serve func(*pb.ForwardRequest)) error {
	free := make(chan struct{}, maxServed)
	for {
		select {
		case free <- struct{}{}:
		case <-ctx.Done():
			return ctx.Err()
		}
		req, err := stream.Recv()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		requests.Go(func() {
			serve(req)
			<-free
		})
	}
}

// sendAnswers sends until answers is closed. After an error, which ends the stream, it
// only takes them.
func sendAnswers(stream pb.Peer_ForwardServer, answers <-chan *pb.ForwardResponse) (err error) {
	for a := range answers {
		if err == nil {
			err = stream.Send(a)
		}
	}
	return err
}
