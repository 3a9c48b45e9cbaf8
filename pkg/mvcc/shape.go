package mvcc

import (
	"bytes"
	"cmp"
	"sort"

	"go.etcd.io/etcd/api/v3/etcdserverpb"
	"go.etcd.io/etcd/api/v3/mvccpb"

	"github.com/netsy-io/netsy/pkg/record"
)

// fetchLimit is how many keys, in key order, an answer to req needs to be shaped
// from: one more than its limit, to know whether there are more; 0 (all) when
// filters or an order may bring any key to the front. As in etcd, an order that
// comes from the sort target alone does not count: it sorts the first page only.
func fetchLimit(req *etcdserverpb.RangeRequest) int {
	const most = 1 << 40 // larger limits are none, and limit+1 can't overflow
	filtered := req.MinModRevision != 0 || req.MaxModRevision != 0 ||
		req.MinCreateRevision != 0 || req.MaxCreateRevision != 0
	if req.SortOrder != etcdserverpb.RangeRequest_NONE || filtered || req.Limit <= 0 || req.Limit > most {
		return 0
	}
	return int(req.Limit) + 1
}

// shape makes the answer from the keys fetched (fetchLimit of them) and the number
// of keys in the whole range. It may reorder kvs and never changes what they point to.
func shape(req *etcdserverpb.RangeRequest, kvs []*mvccpb.KeyValue, total int64, header record.Revision) *etcdserverpb.RangeResponse {
	resp := &etcdserverpb.RangeResponse{
		Header: &etcdserverpb.ResponseHeader{Revision: int64(header)},
		Count:  total,
	}
	kvs = filter(req, kvs)
	sortKeys(req, kvs)
	if req.Limit > 0 && int64(len(kvs)) > req.Limit {
		kvs, resp.More = kvs[:req.Limit], true
	}
	if req.KeysOnly {
		kvs = withoutValues(kvs)
	}
	resp.Kvs = kvs
	return resp
}

func filter(req *etcdserverpb.RangeRequest, kvs []*mvccpb.KeyValue) []*mvccpb.KeyValue {
	within := func(v, low, high int64) bool { return (low == 0 || v >= low) && (high == 0 || v <= high) }
	kept := kvs[:0]
	for _, kv := range kvs {
		if within(kv.ModRevision, req.MinModRevision, req.MaxModRevision) &&
			within(kv.CreateRevision, req.MinCreateRevision, req.MaxCreateRevision) {
			kept = append(kept, kv)
		}
	}
	return kept
}

func withoutValues(kvs []*mvccpb.KeyValue) []*mvccpb.KeyValue {
	bare := make([]mvccpb.KeyValue, len(kvs))
	out := make([]*mvccpb.KeyValue, len(kvs))
	for i, kv := range kvs {
		bare[i] = *kv
		bare[i].Value = nil
		out[i] = &bare[i]
	}
	return out
}

// sortKeys orders kvs, which are in key order. A target other than KEY without an
// order sorts ascending. sort.Sort is not stable; etcd uses it too, so that keys
// that compare equal come in the same order here and there.
func sortKeys(req *etcdserverpb.RangeRequest, kvs []*mvccpb.KeyValue) {
	order, byKey := req.SortOrder, req.SortTarget == etcdserverpb.RangeRequest_KEY
	if byKey && order != etcdserverpb.RangeRequest_DESCEND {
		return
	}
	var s sort.Interface = kvSorter{kvs, compareBy(req.SortTarget)}
	if order == etcdserverpb.RangeRequest_DESCEND {
		s = sort.Reverse(s)
	}
	sort.Sort(s)
}

func compareBy(target etcdserverpb.RangeRequest_SortTarget) func(a, b *mvccpb.KeyValue) int {
	switch target {
	case etcdserverpb.RangeRequest_VERSION:
		return func(a, b *mvccpb.KeyValue) int { return cmp.Compare(a.Version, b.Version) }
	case etcdserverpb.RangeRequest_CREATE:
		return func(a, b *mvccpb.KeyValue) int { return cmp.Compare(a.CreateRevision, b.CreateRevision) }
	case etcdserverpb.RangeRequest_MOD:
		return func(a, b *mvccpb.KeyValue) int { return cmp.Compare(a.ModRevision, b.ModRevision) }
	case etcdserverpb.RangeRequest_VALUE:
		return func(a, b *mvccpb.KeyValue) int { return bytes.Compare(a.Value, b.Value) }
	}
	return func(a, b *mvccpb.KeyValue) int { return bytes.Compare(a.Key, b.Key) }
}

type kvSorter struct {
	kvs     []*mvccpb.KeyValue
	compare func(a, b *mvccpb.KeyValue) int
}

func (s kvSorter) Len() int           { return len(s.kvs) }
func (s kvSorter) Swap(i, j int)      { s.kvs[i], s.kvs[j] = s.kvs[j], s.kvs[i] }
func (s kvSorter) Less(i, j int) bool { return s.compare(s.kvs[i], s.kvs[j]) < 0 }
