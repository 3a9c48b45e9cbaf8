package main

import (
	"context"
	"math/rand/v2"
	"slices"
	"testing"

	pb "go.etcd.io/etcd/api/v3/etcdserverpb"
	"go.etcd.io/etcd/api/v3/mvccpb"
	"google.golang.org/grpc"
)

// liar is a store in memory that changes its answers.
type liar struct {
	pb.KVClient
	kvs     []*mvccpb.KeyValue // by key
	rev     int64
	answers func(*pb.RangeResponse)
	txn     func(*pb.TxnResponse)
}

func (s *liar) Range(_ context.Context, r *pb.RangeRequest, _ ...grpc.CallOption) (*pb.RangeResponse, error) {
	resp := &pb.RangeResponse{Header: &pb.ResponseHeader{Revision: s.rev}}
	for _, kv := range s.kvs {
		if k := string(kv.Key); k == string(r.Key) || len(r.RangeEnd) > 0 && k >= string(r.Key) && k < string(r.RangeEnd) {
			c := *kv
			resp.Kvs = append(resp.Kvs, &c)
		}
	}
	resp.Count = int64(len(resp.Kvs))
	if r.Limit > 0 && resp.Count > r.Limit {
		resp.Kvs, resp.More = resp.Kvs[:r.Limit], true
	}
	if r.CountOnly {
		resp.Kvs = nil
	}
	if s.answers != nil {
		s.answers(resp)
	}
	return resp, nil
}

func (s *liar) Txn(_ context.Context, r *pb.TxnRequest, _ ...grpc.CallOption) (*pb.TxnResponse, error) {
	s.rev++
	put := r.Success[0].GetRequestPut()
	i, found := slices.BinarySearchFunc(s.kvs, put.Key, func(kv *mvccpb.KeyValue, k []byte) int { return slices.Compare(kv.Key, k) })
	if !found {
		s.kvs = slices.Insert(s.kvs, i, &mvccpb.KeyValue{Key: put.Key})
	}
	s.kvs[i].Value, s.kvs[i].ModRevision = put.Value, s.rev
	resp := &pb.TxnResponse{Header: &pb.ResponseHeader{Revision: s.rev}, Succeeded: true}
	if s.txn != nil {
		s.txn(resp)
	}
	return resp, nil
}

func (s *liar) worker(size int) *worker {
	rng := rand.New(rand.NewPCG(1, 1))
	return &worker{kv: s, value: text(rng, size), rng: rng, rev: map[string]int64{}}
}

// TestLiesAreFound does what loads do against a store that answers well, and then each time
// against one that lies in one way: only the first may pass.
func TestLiesAreFound(t *testing.T) {
	const size, prefix = 100, "/registry/created/"
	ctx := t.Context()
	writes := func(s *liar) error {
		w := s.worker(size)
		for range 30 {
			if err := w.write(ctx, []byte(prefix+string(rune('a'+w.n%20)))); err != nil {
				return err
			}
			w.n++
		}
		return hasLast(prefix, size)(ctx, []*worker{w})
	}
	creates := func(s *liar) error {
		w := s.worker(size)
		for ; w.n < 20; w.n++ {
			if err := w.create(ctx, []byte(prefix+string(rune('a'+w.n))), w.value); err != nil {
				return err
			}
		}
		return hasAll(prefix)(ctx, []*worker{w})
	}
	filled := &liar{}
	if err := fill(load{size: size})(ctx, &worker{kv: filled, id: 1}); err != nil || len(filled.kvs) != 0 {
		t.Fatalf("all workers fill: %v", err)
	}
	for i := range listed {
		key := readKey(size, i)
		filled.kvs = append(filled.kvs, &mvccpb.KeyValue{Key: key, Value: readValue(size, key), ModRevision: 1})
	}
	gets := func(s *liar) error { s.kvs = filled.kvs; return s.worker(size).get(ctx, readKey(size, 7), size, false) }
	pages := func(s *liar) error { s.kvs = filled.kvs; return page(ctx, s.worker(size), size, 50) }
	counts := func(s *liar) error { s.kvs = filled.kvs; return count(load{size: size}).do(ctx, s.worker(size)) }

	for name, do := range map[string]func(*liar) error{"writes": writes, "creates": creates, "gets": gets, "pages": pages, "counts": counts} {
		if err := do(&liar{}); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	lastly := func(f func(*mvccpb.KeyValue)) func(*pb.RangeResponse) {
		return func(r *pb.RangeResponse) {
			for _, kv := range r.Kvs {
				f(kv)
			}
		}
	}
	otherValue := lastly(func(kv *mvccpb.KeyValue) { kv.Value = append([]byte("~"), kv.Value[1:]...) })
	fewer := func(r *pb.RangeResponse) { r.Kvs, r.Count = r.Kvs[:max(0, len(r.Kvs)-1)], r.Count-1 }
	refused := func(r *pb.TxnResponse) { r.Succeeded = false }
	sameRevision := func(r *pb.TxnResponse) { r.Header.Revision = 5 }
	for name, c := range map[string]struct {
		do   func(*liar) error
		lies *liar
	}{
		"a write that is refused":         {writes, &liar{txn: refused}},
		"a create that is refused":        {creates, &liar{txn: refused}},
		"one revision twice":              {creates, &liar{txn: sameRevision}},
		"an older write":                  {writes, &liar{answers: lastly(func(kv *mvccpb.KeyValue) { kv.ModRevision-- })}},
		"another value":                   {writes, &liar{answers: otherValue}},
		"a write that is lost":            {writes, &liar{answers: fewer}},
		"a create that is lost":           {creates, &liar{answers: fewer}},
		"a create done twice":             {creates, &liar{answers: func(r *pb.RangeResponse) { r.Count++ }}},
		"a key that nobody wrote":         {writes, &liar{kvs: []*mvccpb.KeyValue{{Key: []byte(prefix + "zz")}}}},
		"a get of another value":          {gets, &liar{answers: otherValue}},
		"a get of nothing":                {gets, &liar{answers: fewer}},
		"a get of another key":            {gets, &liar{answers: lastly(func(kv *mvccpb.KeyValue) { kv.Key = readKey(size, 8) })}},
		"a page that is short":            {pages, &liar{answers: fewer}},
		"a page of other values":          {pages, &liar{answers: otherValue}},
		"a page of short values":          {pages, &liar{answers: lastly(func(kv *mvccpb.KeyValue) { kv.Value = nil })}},
		"a page with one twice":           {pages, &liar{answers: func(r *pb.RangeResponse) { r.Kvs[1] = r.Kvs[0] }}},
		"a page that is out of order":     {pages, &liar{answers: func(r *pb.RangeResponse) { slices.Reverse(r.Kvs) }}},
		"a page that says it is the last": {pages, &liar{answers: func(r *pb.RangeResponse) { r.More = false }}},
		"a page from elsewhere":           {pages, &liar{answers: func(r *pb.RangeResponse) { r.Kvs = filled.kvs[:50] }}},
		"a count that is wrong":           {counts, &liar{answers: func(r *pb.RangeResponse) { r.Count++ }}},
	} {
		if err := c.do(c.lies); err == nil {
			t.Errorf("%s isn't found", name)
		}
	}
}
