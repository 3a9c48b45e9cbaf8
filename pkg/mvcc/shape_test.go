package mvcc

import (
	"strings"
	"testing"

	"go.etcd.io/etcd/api/v3/etcdserverpb"
)

// TestOrderAndLimit: keys a to e, whose versions, creations and values run the other
// way than the keys do.
func TestOrderAndLimit(t *testing.T) {
	const (
		none, ascend, descend = etcdserverpb.RangeRequest_NONE, etcdserverpb.RangeRequest_ASCEND, etcdserverpb.RangeRequest_DESCEND
		byKey, byVersion      = etcdserverpb.RangeRequest_KEY, etcdserverpb.RangeRequest_VERSION
		byCreate, byMod       = etcdserverpb.RangeRequest_CREATE, etcdserverpb.RangeRequest_MOD
		byValue               = etcdserverpb.RangeRequest_VALUE
	)
	b := begin(t)
	for i, k := range []string{"e", "d", "c", "b", "a"} {
		for range i + 1 {
			b.put(t, k, string(rune('0'+i)))
		}
	}
	for _, c := range []struct {
		order  etcdserverpb.RangeRequest_SortOrder
		target etcdserverpb.RangeRequest_SortTarget
		limit  int64
		want   string
	}{
		{none, byKey, 0, "abcde"}, {none, byKey, 2, "ab"}, {none, byKey, 5, "abcde"}, {none, byKey, 4, "abcd"},
		{ascend, byKey, 2, "ab"}, {descend, byKey, 0, "edcba"}, {descend, byKey, 2, "ed"},
		{ascend, byVersion, 0, "edcba"}, {ascend, byCreate, 2, "ed"}, {ascend, byMod, 2, "ed"}, {ascend, byValue, 2, "ed"},
		{descend, byVersion, 2, "ab"}, {descend, byCreate, 2, "ab"}, {descend, byMod, 2, "ab"}, {descend, byValue, 2, "ab"},
		{none, byVersion, 0, "edcba"},
		{none, byVersion, 2, "cb"}, // etcd's: the first page by key, and one more, are sorted, then cut
		{none, byValue, 4, "edcb"},
	} {
		for _, old := range []int64{0, int64(b.Snapshot().Revision())} {
			req := &etcdserverpb.RangeRequest{Key: []byte{0}, RangeEnd: []byte{0}, SortOrder: c.order, SortTarget: c.target, Limit: c.limit, Revision: old}
			if old != 0 {
				b.put(t, "z", "")
				b.del(t, "z")
			}
			resp := b.rangeReq(t, req)
			var got strings.Builder
			for _, kv := range resp.Kvs {
				got.Write(kv.Key)
			}
			if got.String() != c.want || resp.Count != 5 || resp.More != (len(c.want) < 5) {
				t.Errorf("%v by %v, limit %d, at %d: %s, count %d, more %v; want %s", c.order, c.target, c.limit, old, got.String(), resp.Count, resp.More, c.want)
			}
		}
	}
}

func TestCollectWalksNoFurtherThanItsLimit(t *testing.T) {
	b := begin(t)
	for _, k := range []string{"a", "b", "c"} {
		b.put(t, k, "")
	}
	keys := newKeyRange([]byte{0}, []byte{0})
	for limit, want := range []int{3, 1, 2, 3, 3} {
		if got := collect(b.Snapshot().tree, keys, limit, false).kvs; len(got) != want {
			t.Errorf("limit %d: %d keys", limit, len(got))
		}
	}
}
