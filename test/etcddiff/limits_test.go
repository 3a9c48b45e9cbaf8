package etcddiff

import (
	"bytes"
	"testing"

	pb "go.etcd.io/etcd/api/v3/etcdserverpb"
)

// TestSameLimits has what is too large for random cases.
func TestSameLimits(t *testing.T) {
	s := newPair(t)
	large := bytes.Repeat([]byte("x"), 1_500_000)
	var compares []*pb.Compare
	for range 129 {
		compares = append(compares, &pb.Compare{Key: []byte("a")})
	}
	for _, req := range []request{
		&pb.PutRequest{Key: []byte("a"), Value: large},
		&pb.PutRequest{Key: []byte("a"), Value: append(large, large[:100_000]...)},
		&pb.RangeRequest{Key: []byte("a"), KeysOnly: true},
		&pb.TxnRequest{Compare: compares[:128]},
		&pb.TxnRequest{Compare: compares},
		&pb.TxnRequest{},
	} {
		if err := s.step(t.Context(), req); err != nil {
			t.Error(err)
		}
	}
}

// TestSameExpiry lets a lease run out: one delete, which watches see.
func TestSameExpiry(t *testing.T) {
	s := newPair(t)
	ctx := t.Context()
	for _, side := range []*side{&s.etcd, &s.subject} {
		resp, err := side.Lease.LeaseGrant(ctx, &pb.LeaseGrantRequest{TTL: 1})
		if err != nil {
			t.Fatal(err)
		}
		side.leases[1] = resp.ID
	}
	w, err := s.openWatch(ctx, &pb.WatchCreateRequest{Key: []byte{0}, RangeEnd: []byte{0}, PrevKv: true})
	if err != nil {
		t.Fatal(err)
	}
	defer w.close()
	for _, req := range []request{
		&pb.PutRequest{Key: []byte("kept"), Value: []byte("1"), Lease: 1},
		&pb.PutRequest{Key: []byte("kept"), Value: []byte("2")}, // takes the key off the lease
		&pb.PutRequest{Key: []byte("expires"), Value: []byte("3"), Lease: 1},
	} {
		if err := s.step(ctx, req); err != nil {
			t.Fatal(err)
		}
	}
	now, err := s.etcd.KV.Range(ctx, everything)
	if err != nil {
		t.Fatal(err)
	}
	expired := now.Header.Revision + 1
	w.etcd.catchUp(ctx, expired)
	w.subject.catchUp(ctx, expired)
	if err := same(w.req, w.etcd.String(), w.subject.String()); err != nil {
		t.Error(err)
	}
	for _, req := range []request{everything, &pb.PutRequest{Key: []byte("late"), Lease: 1}} {
		if err := s.step(ctx, req); err != nil {
			t.Error(err)
		}
	}
}

// newPair returns a session that ends with the test.
func newPair(t *testing.T) *session {
	t.Helper()
	p := &pairs{t: t}
	s, err := p.get(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.discard) // after the directories were asked for, so before they are removed
	return s
}
