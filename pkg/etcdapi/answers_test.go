package etcdapi_test

import (
	"testing"

	pb "go.etcd.io/etcd/api/v3/etcdserverpb"
	"go.etcd.io/etcd/api/v3/v3rpc/rpctypes"
	"google.golang.org/grpc/codes"

	"github.com/netsy-io/netsy/pkg/etcdapi"
)

// TestResponses checks what docs/etcd-compatibility.md says of responses.
func TestResponses(t *testing.T) {
	conn := start(t, etcdapi.ProfileEtcd).dial(t, "client")
	kv, leases := pb.NewKVClient(conn), pb.NewLeaseClient(conn)
	st, err := pb.NewMaintenanceClient(conn).Status(t.Context(), &pb.StatusRequest{})
	if err != nil {
		t.Fatal(err)
	}
	self := st.Header.MemberId
	t.Run("status", func(t *testing.T) { checkStatus(t, st) })
	t.Run("headers", func(t *testing.T) {
		for name, h := range headers(t, kv, leases) {
			if h == nil || h.ClusterId != st.Header.ClusterId || h.MemberId != self || h.RaftTerm != 0 || h.Revision < 1 {
				t.Errorf("%s: %v", name, h)
			}
		}
	})
	t.Run("members", func(t *testing.T) {
		got, err := pb.NewClusterClient(conn).MemberList(t.Context(), &pb.MemberListRequest{Linearizable: true})
		if err != nil || len(got.Members) != 1 || got.Members[0].ID != self || got.Members[0].Name != "node-1" || len(got.Members[0].ClientURLs) != 1 {
			t.Errorf("%v, %v", got, err)
		}
	})
	t.Run("alarms", func(t *testing.T) { checkAlarms(t, pb.NewMaintenanceClient(conn)) })
	t.Run("leases", func(t *testing.T) { checkLeases(t, kv, leases) })
}

func checkStatus(t *testing.T, st *pb.StatusResponse) {
	if st.Version != "3.6.11" || st.Leader == 0 || st.Leader != st.Header.MemberId || len(st.Errors) != 0 {
		t.Errorf("%v", st)
	}
	if st.Header.Revision != 1 {
		t.Errorf("an empty store has revision %d, want 1", st.Header.Revision)
	}
	if st.DbSize <= 0 || st.DbSizeInUse <= 0 || st.DbSizeInUse > st.DbSize {
		t.Errorf("size %d, in use %d", st.DbSize, st.DbSizeInUse)
	}
	if st.RaftIndex != 0 || st.RaftTerm != 0 || st.RaftAppliedIndex != 0 || st.IsLearner || st.StorageVersion != "" || st.DbSizeQuota != 0 || st.DowngradeInfo != nil {
		t.Errorf("fields that have no meaning are set: %v", st)
	}
}

// headers calls everything that answers with one.
func headers(t *testing.T, kv pb.KVClient, leases pb.LeaseClient) map[string]*pb.ResponseHeader {
	t.Helper()
	put, err1 := kv.Put(t.Context(), &pb.PutRequest{Key: []byte("k")})
	get, err2 := kv.Range(t.Context(), &pb.RangeRequest{Key: []byte("k")})
	txn, err3 := kv.Txn(t.Context(), &pb.TxnRequest{})
	del, err4 := kv.DeleteRange(t.Context(), &pb.DeleteRangeRequest{Key: []byte("k")})
	compact, err5 := kv.Compact(t.Context(), &pb.CompactionRequest{Revision: 2})
	grant, err6 := leases.LeaseGrant(t.Context(), &pb.LeaseGrantRequest{TTL: 60})
	for _, err := range []error{err1, err2, err3, err4, err5, err6} {
		if err != nil {
			t.Fatal(err)
		}
	}
	return map[string]*pb.ResponseHeader{"Put": put.Header, "Range": get.Header, "Txn": txn.Header,
		"DeleteRange": del.Header, "Compact": compact.Header, "LeaseGrant": grant.Header}
}

func checkAlarms(t *testing.T, m pb.MaintenanceClient) {
	got, err := m.Alarm(t.Context(), &pb.AlarmRequest{})
	if err != nil || len(got.Alarms) != 0 || got.Header == nil {
		t.Errorf("%v, %v", got, err)
	}
	for _, action := range []pb.AlarmRequest_AlarmAction{pb.AlarmRequest_ACTIVATE, pb.AlarmRequest_DEACTIVATE, 9} {
		_, err := m.Alarm(t.Context(), &pb.AlarmRequest{Action: action, Alarm: pb.AlarmType_NOSPACE})
		wantCode(t, err, codes.Unimplemented)
	}
}

func checkLeases(t *testing.T, kv pb.KVClient, leases pb.LeaseClient) {
	const longest = 1<<24 - 1
	for ttl, want := range map[int64]int64{-1: 2, 0: 2, 1: 2, 2: 2, 3600: 3600, longest: longest} {
		got, err := leases.LeaseGrant(t.Context(), &pb.LeaseGrantRequest{TTL: ttl})
		if err != nil || got.TTL != want || got.ID <= 0 {
			t.Errorf("TTL %d: %v, %v", ttl, got, err)
		}
	}
	_, err := leases.LeaseGrant(t.Context(), &pb.LeaseGrantRequest{TTL: longest + 1})
	wantErr(t, err, rpctypes.ErrGRPCLeaseTTLTooLarge)
	_, err = leases.LeaseGrant(t.Context(), &pb.LeaseGrantRequest{TTL: 60, ID: 7})
	wantCode(t, err, codes.InvalidArgument)
	for _, id := range []int64{7, -1} {
		_, err = kv.Put(t.Context(), &pb.PutRequest{Key: []byte("leased"), Lease: id})
		wantErr(t, err, rpctypes.ErrGRPCLeaseNotFound)
	}
}
