package etcdapi_test

import (
	"testing"

	pb "go.etcd.io/etcd/api/v3/etcdserverpb"
	"google.golang.org/grpc/codes"

	"github.com/netsy-io/netsy/pkg/etcdapi"
	"github.com/netsy-io/netsy/pkg/record"
)

// everything selects all keys.
var everything = &pb.RangeRequest{Key: []byte{0}, RangeEnd: []byte{0}}

// TestReservedKeys: no client writes Netsy's own keys, and none ever sees them,
// although the store holds one from its first revision on.
func TestReservedKeys(t *testing.T) {
	conn := start(t, etcdapi.ProfileEtcd).dial(t, "client")
	kv := pb.NewKVClient(conn)
	events := watchAll(t, conn)
	for _, key := range []string{"_netsy", "_netsy/", record.EpochStartKey, "_netsy/x"} {
		t.Run(key, func(t *testing.T) {
			cantWrite(t, kv, key)
			isAbsent(t, kv, key)
		})
	}
	// Neighbours in the order of keys are nobody's.
	mine := []string{"_nets", "_netsx", "_netsy.", "_netsy0", "_netsyx"}
	for _, key := range mine {
		if _, err := kv.Put(t.Context(), &pb.PutRequest{Key: []byte(key)}); err != nil {
			t.Errorf("%s: %v", key, err)
		}
	}
	got, err := kv.Range(t.Context(), everything)
	if err != nil || got.Count != int64(len(mine)) || len(got.Kvs) != len(mine) {
		t.Errorf("want the %d keys of ours: %v, %v", len(mine), got, err)
	}
	for _, key := range mine {
		if seen := events(); seen != key {
			t.Errorf("the watch from revision 1 shows %q, want %q", seen, key)
		}
	}
}

func cantWrite(t *testing.T, kv pb.KVClient, key string) {
	t.Helper()
	_, err := kv.Put(t.Context(), &pb.PutRequest{Key: []byte(key)})
	wantCode(t, err, codes.InvalidArgument)
	_, err = kv.DeleteRange(t.Context(), &pb.DeleteRangeRequest{Key: []byte(key)})
	wantCode(t, err, codes.InvalidArgument)
	for _, op := range []*pb.RequestOp{put(key, nil), del(key)} {
		_, err = kv.Txn(t.Context(), &pb.TxnRequest{Success: []*pb.RequestOp{op}})
		wantCode(t, err, codes.InvalidArgument)
		_, err = kv.Txn(t.Context(), &pb.TxnRequest{Failure: []*pb.RequestOp{op}})
		wantCode(t, err, codes.InvalidArgument)
	}
}

// isAbsent reads key in every way, at the revision that wrote it, too.
func isAbsent(t *testing.T, kv pb.KVClient, key string) {
	t.Helper()
	for _, r := range []*pb.RangeRequest{
		{Key: []byte(key)}, {Key: []byte(key), Serializable: true}, {Key: []byte(key), Revision: 1}, {Key: []byte(key), CountOnly: true},
		{Key: []byte("_netsy"), RangeEnd: []byte("_netsy0")}, {Key: []byte("_netsy"), RangeEnd: []byte("_netsy0"), Revision: 1, CountOnly: true},
	} {
		got, err := kv.Range(t.Context(), r)
		if err != nil || got.Count != 0 || len(got.Kvs) != 0 {
			t.Errorf("%v: %v, %v", r, got, err)
		}
	}
	for _, c := range []*pb.Compare{
		{Key: []byte(key), Target: pb.Compare_CREATE, TargetUnion: &pb.Compare_CreateRevision{}},
		{Key: []byte(key), Target: pb.Compare_MOD, TargetUnion: &pb.Compare_ModRevision{}},
		{Key: []byte(key), Target: pb.Compare_VERSION, TargetUnion: &pb.Compare_Version{}},
		{Key: []byte("_netsy"), RangeEnd: []byte("_netsy0"), Target: pb.Compare_VERSION, TargetUnion: &pb.Compare_Version{}},
	} {
		got, err := kv.Txn(t.Context(), &pb.TxnRequest{Compare: []*pb.Compare{c}})
		if err != nil || !got.Succeeded {
			t.Errorf("%v finds a key: %v, %v", c, got, err)
		}
	}
}
