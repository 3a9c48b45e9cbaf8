package mvcc

import (
	"context"

	"go.etcd.io/etcd/api/v3/etcdserverpb"
	"go.etcd.io/etcd/api/v3/mvccpb"

	"github.com/netsy-io/netsy/pkg/record"
)

// Range answers req on sn: from memory at sn's own revision and that of a list under
// way, from SQLite at other old ones. The header's revision is sn's, count is exact, whatever the limit.
// Errors: ErrCompacted, ErrFutureRev, ErrUnsupported (unknown sort), ErrDisk. What the
// answer points to is shared and must not be changed.
func (s *Store) Range(ctx context.Context, sn *Snapshot, req *etcdserverpb.RangeRequest) (*etcdserverpb.RangeResponse, error) {
	if err := checkSort(req); err != nil {
		return nil, err
	}
	at := record.Revision(req.Revision)
	switch {
	case at > sn.rev:
		return nil, ErrFutureRev
	case at <= 0 || at == sn.rev: // etcd takes negative ones for "now", too
		resp := rangeTree(sn.tree, req, sn.rev)
		if resp.More && sn.rev >= s.CompactRevision() { // below, its later pages are refused: a load has overtaken it
			s.pins.add(sn)
		}
		return resp, nil
	case at < s.CompactRevision():
		return nil, ErrCompacted
	}
	if pinned := s.pins.at(at); pinned != nil {
		return rangeTree(pinned.tree, req, sn.rev), nil
	}
	return s.rangeOld(ctx, sn, req, sn.rev)
}

// rangeTree answers req, its revision aside, from a tree.
func rangeTree(t *tree, req *etcdserverpb.RangeRequest, header record.Revision) *etcdserverpb.RangeResponse {
	if single(req.RangeEnd) {
		var kvs []*mvccpb.KeyValue
		if kv := get(t, req.Key); kv != nil {
			kvs = []*mvccpb.KeyValue{kv}
		}
		return answer(req, kvs, int64(len(kvs)), header)
	}
	keys := newKeyRange(req.Key, req.RangeEnd)
	if req.CountOnly {
		return answer(req, nil, count(t, keys), header)
	}
	limit := fetchLimit(req)
	kvs := collect(t, keys, limit)
	total := int64(len(kvs))
	if limit != 0 && len(kvs) == limit {
		total = count(t, keys)
	}
	return answer(req, kvs, total, header)
}

func answer(req *etcdserverpb.RangeRequest, kvs []*mvccpb.KeyValue, total int64, header record.Revision) *etcdserverpb.RangeResponse {
	if req.CountOnly {
		kvs = nil
	}
	return shape(req, kvs, total, header)
}

func checkSort(req *etcdserverpb.RangeRequest) error {
	_, order := etcdserverpb.RangeRequest_SortOrder_name[int32(req.SortOrder)]
	_, target := etcdserverpb.RangeRequest_SortTarget_name[int32(req.SortTarget)]
	if !order || !target {
		return unsupported("sort order %d, target %d", req.SortOrder, req.SortTarget)
	}
	return nil
}
