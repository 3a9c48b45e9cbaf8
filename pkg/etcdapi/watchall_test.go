package etcdapi_test

import (
	"testing"

	pb "go.etcd.io/etcd/api/v3/etcdserverpb"
	"go.etcd.io/etcd/api/v3/mvccpb"
	"google.golang.org/grpc"
)

// watchAll watches every key from revision 1 on and returns a function that waits
// for the next event's key.
func watchAll(t *testing.T, conn *grpc.ClientConn) func() string {
	t.Helper()
	stream, err := pb.NewWatchClient(conn).Watch(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	create := &pb.WatchCreateRequest{RangeEnd: []byte{0}, StartRevision: 1} // an empty key is the smallest one, as in etcd
	if err := stream.Send(&pb.WatchRequest{RequestUnion: &pb.WatchRequest_CreateRequest{CreateRequest: create}}); err != nil {
		t.Fatal(err)
	}
	created, err := stream.Recv()
	if err != nil || !created.Created || created.Canceled {
		t.Fatalf("%v, %v", created, err)
	}
	var waiting []*mvccpb.Event
	return func() string {
		t.Helper()
		for len(waiting) == 0 {
			r, err := stream.Recv()
			if err != nil {
				t.Fatal(err)
			}
			waiting = r.Events
		}
		key := string(waiting[0].Kv.Key)
		waiting = waiting[1:]
		return key
	}
}
