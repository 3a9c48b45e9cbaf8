package etcdapi_test

import (
	"testing"

	pb "go.etcd.io/etcd/api/v3/etcdserverpb"

	"github.com/netsy-io/netsy/pkg/etcdapi"
	"github.com/netsy-io/netsy/pkg/objectstore"
	"github.com/netsy-io/netsy/pkg/objectstore/fault"
)

// TestOutage: while object storage is away, a write waits and reads of the local
// state go on; when it is back the write is done, once.
func TestOutage(t *testing.T) {
	var faults *fault.Store
	c := startFaulty(t, etcdapi.ProfileEtcd, func(s objectstore.Store) objectstore.Store {
		faults = fault.New(s)
		return faults
	})
	kv := pb.NewKVClient(c.dial(t, "client"))
	faults.Inject(fault.Fail(objectstore.ErrUnavailable))
	refused := make(chan struct{}, 1)
	faults.Inject(fault.Hook(func(r *fault.Request) {
		if r.Op == "put" {
			select {
			case refused <- struct{}{}:
			default:
			}
		}
	}))
	written := make(chan error, 1)
	var put *pb.PutResponse
	go func() {
		var err error
		put, err = kv.Put(t.Context(), &pb.PutRequest{Key: []byte("k"), Value: []byte("v")})
		written <- err
	}()
	<-refused
	got, err := kv.Range(t.Context(), &pb.RangeRequest{Key: []byte("k"), Serializable: true})
	if err != nil || got.Count != 0 {
		t.Errorf("the local state: %v, %v", got, err)
	}
	faults.Heal()
	if err := <-written; err != nil {
		t.Fatal(err)
	}
	got, err = kv.Range(t.Context(), &pb.RangeRequest{Key: []byte("k")})
	if err != nil || got.Count != 1 || got.Kvs[0].Version != 1 || got.Kvs[0].ModRevision != put.Header.Revision {
		t.Errorf("%v, %v", got, err)
	}
}
