package mvcc

import (
	"testing"

	"go.etcd.io/etcd/api/v3/etcdserverpb"
	"go.etcd.io/etcd/api/v3/mvccpb"
)

// TestCompareNumbers: each target reads its own field, each result its own order.
func TestCompareNumbers(t *testing.T) {
	kv := &mvccpb.KeyValue{Version: 10, CreateRevision: 20, ModRevision: 30, Lease: 40}
	targets := []struct {
		target etcdserverpb.Compare_CompareTarget
		have   int64
		set    func(*etcdserverpb.Compare, int64)
	}{
		{etcdserverpb.Compare_VERSION, 10, func(c *etcdserverpb.Compare, n int64) { c.TargetUnion = &etcdserverpb.Compare_Version{Version: n} }},
		{etcdserverpb.Compare_CREATE, 20, func(c *etcdserverpb.Compare, n int64) {
			c.TargetUnion = &etcdserverpb.Compare_CreateRevision{CreateRevision: n}
		}},
		{etcdserverpb.Compare_MOD, 30, func(c *etcdserverpb.Compare, n int64) {
			c.TargetUnion = &etcdserverpb.Compare_ModRevision{ModRevision: n}
		}},
		{etcdserverpb.Compare_LEASE, 40, func(c *etcdserverpb.Compare, n int64) { c.TargetUnion = &etcdserverpb.Compare_Lease{Lease: n} }},
	}
	for _, tt := range targets {
		for _, d := range []int64{-1, 0, 1} {
			for result, want := range map[etcdserverpb.Compare_CompareResult]bool{
				etcdserverpb.Compare_EQUAL: d == 0, etcdserverpb.Compare_NOT_EQUAL: d != 0,
				etcdserverpb.Compare_GREATER: d < 0, etcdserverpb.Compare_LESS: d > 0,
			} {
				c := &etcdserverpb.Compare{Target: tt.target, Result: result}
				tt.set(c, tt.have+d)
				if got := compareRange(c, []*mvccpb.KeyValue{kv}); got != want {
					t.Errorf("%v %v %d against %d: %v", tt.target, result, tt.have+d, tt.have, got)
				}
				tt.set(c, d) // an absent key's numbers are 0
				if got := compareRange(c, nil); got != want {
					t.Errorf("absent: %v %v %d: %v", tt.target, result, d, got)
				}
			}
		}
	}
}

func TestCompareValues(t *testing.T) {
	for _, have := range []string{"", "a", "b", "ba"} {
		for _, want := range []string{"", "a", "b", "ba"} {
			for result, ok := range map[etcdserverpb.Compare_CompareResult]bool{
				etcdserverpb.Compare_EQUAL: have == want, etcdserverpb.Compare_NOT_EQUAL: have != want,
				etcdserverpb.Compare_GREATER: have > want, etcdserverpb.Compare_LESS: have < want,
			} {
				c := &etcdserverpb.Compare{Target: etcdserverpb.Compare_VALUE, Result: result, TargetUnion: &etcdserverpb.Compare_Value{Value: []byte(want)}}
				if got := compareRange(c, []*mvccpb.KeyValue{{Value: []byte(have)}}); got != ok {
					t.Errorf("%q %v %q: %v", have, result, want, got)
				}
				if compareRange(c, nil) {
					t.Errorf("absent %v %q holds", result, want)
				}
			}
		}
	}
}

// TestCompareRangeNeedsEveryKey: one key that doesn't satisfy it is enough to fail.
func TestCompareRangeNeedsEveryKey(t *testing.T) {
	c := &etcdserverpb.Compare{Target: etcdserverpb.Compare_VERSION, Result: etcdserverpb.Compare_EQUAL, TargetUnion: &etcdserverpb.Compare_Version{Version: 1}}
	for bits := range 1 << 3 {
		var kvs []*mvccpb.KeyValue
		for i := range 3 {
			kvs = append(kvs, &mvccpb.KeyValue{Version: int64(1 + bits>>i&1)})
		}
		if got := compareRange(c, kvs); got != (bits == 0) {
			t.Errorf("versions %v: %v", kvs, got)
		}
	}
}
