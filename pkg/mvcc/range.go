package mvcc

import (
	"context"
	"errors"

	"go.etcd.io/etcd/api/v3/etcdserverpb"
	"go.etcd.io/etcd/api/v3/mvccpb"

	"github.com/netsy-io/netsy/pkg/record"
)

// Range answers req on sn: from memory at sn's own revision and that of a list under
// way, from SQLite at other old ones; values that memory doesn't hold come from there, too. The header's
// revision is sn's, or that of a later published state if sn has been compacted meanwhile; count is
// exact, whatever the limit. Errors: ErrCompacted, ErrFutureRev, ErrUnsupported (unknown sort), ErrDisk,
// ErrOvertaken. What the answer points to is shared and must not be changed.
func (s *Store) Range(ctx context.Context, sn *Snapshot, req *etcdserverpb.RangeRequest) (*etcdserverpb.RangeResponse, error) {
	if err := checkSort(req); err != nil {
		return nil, err
	}
	for {
		resp, err := s.rangeOn(ctx, sn, req)
		at, present := record.Revision(req.Revision), req.Revision <= 0
		if present {
			at = sn.rev
		}
		err = s.explain(ctx, at, err)
		if !present || !errors.Is(err, ErrCompacted) {
			return resp, err
		}
		newer := s.Snapshot() // a state that is compacted isn't the present one any more
		if newer.rev == sn.rev {
			return nil, ErrOvertaken
		}
		sn = newer
	}
}

func (s *Store) rangeOn(ctx context.Context, sn *Snapshot, req *etcdserverpb.RangeRequest) (*etcdserverpb.RangeResponse, error) {
	at := record.Revision(req.Revision)
	switch {
	case at > sn.rev:
		return nil, ErrFutureRev
	case at <= 0 || at == sn.rev: // etcd takes negative ones for "now", too
		resp, err := rangeTree(ctx, s, sn.tree, req, sn.rev)
		if err == nil && resp.More && sn.rev >= s.CompactRevision() { // below, its later pages are refused: a load has overtaken it
			s.pins.add(sn)
		}
		return resp, err
	case at < s.CompactRevision():
		return nil, ErrCompacted
	}
	if pinned := s.pins.at(at); pinned != nil {
		return rangeTree(ctx, s, pinned.tree, req, sn.rev)
	}
	return s.rangeOld(ctx, s, sn, req, sn.rev)
}

// filler reads the values that some of kvs, all of which are of f, lack.
type filler interface {
	fill(ctx context.Context, f found, kvs []*mvccpb.KeyValue) error
}

// rangeTree answers req, its revision aside, from a tree.
func rangeTree(ctx context.Context, from filler, t *tree, req *etcdserverpb.RangeRequest, header record.Revision) (*etcdserverpb.RangeResponse, error) {
	if single(req.RangeEnd) {
		f := found{bare: needsNoValues(req), keep: true}
		if it := find(t, req.Key); it != nil {
			f.add(it)
		}
		return answer(ctx, from, req, f, int64(len(f.kvs)), header)
	}
	keys := newKeyRange(req.Key, req.RangeEnd)
	if req.CountOnly {
		return answer(ctx, from, req, found{}, count(t, keys), header)
	}
	limit := fetchLimit(req)
	f := collect(t, keys, limit, needsNoValues(req))
	total := int64(len(f.kvs))
	if limit != 0 && len(f.kvs) == limit {
		total = count(t, keys)
	}
	return answer(ctx, from, req, f, total, header)
}

func needsNoValues(req *etcdserverpb.RangeRequest) bool {
	return req.CountOnly || req.KeysOnly && req.SortTarget != etcdserverpb.RangeRequest_VALUE
}

func answer(ctx context.Context, from filler, req *etcdserverpb.RangeRequest, f found, total int64, header record.Revision) (*etcdserverpb.RangeResponse, error) {
	if req.CountOnly {
		f = found{}
	}
	if req.SortTarget == etcdserverpb.RangeRequest_VALUE {
		if err := from.fill(ctx, f, f.kvs); err != nil {
			return nil, err
		}
		f.absent = nil
	}
	resp := shape(req, f.kvs, total, header)
	return resp, from.fill(ctx, f, resp.Kvs)
}

func checkSort(req *etcdserverpb.RangeRequest) error {
	_, order := etcdserverpb.RangeRequest_SortOrder_name[int32(req.SortOrder)]
	_, target := etcdserverpb.RangeRequest_SortTarget_name[int32(req.SortTarget)]
	if !order || !target {
		return unsupported("sort order %d, target %d", req.SortOrder, req.SortTarget)
	}
	return nil
}
