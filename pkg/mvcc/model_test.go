package mvcc

import (
	"bytes"
	"sort"

	"go.etcd.io/etcd/api/v3/etcdserverpb"
	"go.etcd.io/etcd/api/v3/mvccpb"
)

// model is the naive store: every version of every key in one slice. It shares no
// code with what it judges.
type model struct {
	versions []modelVersion
	compact  int64
}

type modelVersion struct {
	rev      int64
	key      string
	kv       *mvccpb.KeyValue // nil: a tombstone
	internal bool
}

func (m *model) rev() int64 {
	if len(m.versions) == 0 {
		return 0
	}
	return m.versions[len(m.versions)-1].rev
}

// forget drops what was never stored.
func (m *model) forget(after int64) {
	for len(m.versions) > 0 && m.rev() > after {
		m.versions = m.versions[:len(m.versions)-1]
	}
}

func (m *model) get(key string, rev int64) *mvccpb.KeyValue {
	var kv *mvccpb.KeyValue
	for _, v := range m.versions {
		if v.rev <= rev && v.key == key && !v.internal {
			kv = v.kv
		}
	}
	return kv
}

// at returns the state at rev, by key.
func (m *model) at(rev int64) []*mvccpb.KeyValue {
	keys := map[string]bool{}
	for _, v := range m.versions {
		keys[v.key] = true
	}
	var kvs []*mvccpb.KeyValue
	for k := range keys {
		if kv := m.get(k, rev); kv != nil {
			kvs = append(kvs, kv)
		}
	}
	sort.Slice(kvs, func(i, j int) bool { return bytes.Compare(kvs[i].Key, kvs[j].Key) < 0 })
	return kvs
}

func modelIn(key, from, end []byte) bool {
	if len(end) == 0 {
		return bytes.Equal(key, from)
	}
	return bytes.Compare(key, from) >= 0 && (string(end) == "\x00" || bytes.Compare(key, end) < 0)
}

func (m *model) in(rev int64, from, end []byte) []*mvccpb.KeyValue {
	var kvs []*mvccpb.KeyValue
	for _, kv := range m.at(rev) {
		if modelIn(kv.Key, from, end) {
			kvs = append(kvs, kv)
		}
	}
	return kvs
}

func (m *model) put(key, value string, lease int64) *mvccpb.KeyValue {
	rev, prev := m.rev()+1, m.get(key, m.rev())
	kv := &mvccpb.KeyValue{Key: []byte(key), CreateRevision: rev, ModRevision: rev, Version: 1, Lease: lease}
	if value != "" {
		kv.Value = []byte(value)
	}
	if prev != nil {
		kv.CreateRevision, kv.Version = prev.CreateRevision, prev.Version+1
	}
	m.versions = append(m.versions, modelVersion{rev: rev, key: key, kv: kv})
	return prev
}

func (m *model) del(key string) *mvccpb.KeyValue {
	prev := m.get(key, m.rev())
	if prev != nil {
		m.versions = append(m.versions, modelVersion{rev: m.rev() + 1, key: key})
	}
	return prev
}

// rangeAt answers req on the state at rev of a store whose present revision is now.
func (m *model) rangeAt(req *etcdserverpb.RangeRequest, now int64) (*etcdserverpb.RangeResponse, error) {
	at := req.Revision
	if at > now {
		return nil, ErrFutureRev
	}
	if at <= 0 {
		at = now
	} else if at != now && at < m.compact {
		return nil, ErrCompacted
	}
	all := m.in(at, req.Key, req.RangeEnd)
	resp := &etcdserverpb.RangeResponse{Header: &etcdserverpb.ResponseHeader{Revision: now}, Count: int64(len(all))}
	if req.CountOnly {
		return resp, nil
	}
	filters := req.MinModRevision != 0 || req.MaxModRevision != 0 || req.MinCreateRevision != 0 || req.MaxCreateRevision != 0
	if !filters && req.SortOrder == etcdserverpb.RangeRequest_NONE && req.Limit > 0 && int64(len(all)) > req.Limit+1 {
		all = all[:req.Limit+1]
	}
	var kvs []*mvccpb.KeyValue
	for _, kv := range all {
		if (req.MinModRevision != 0 && kv.ModRevision < req.MinModRevision) ||
			(req.MaxModRevision != 0 && kv.ModRevision > req.MaxModRevision) ||
			(req.MinCreateRevision != 0 && kv.CreateRevision < req.MinCreateRevision) ||
			(req.MaxCreateRevision != 0 && kv.CreateRevision > req.MaxCreateRevision) {
			continue
		}
		kvs = append(kvs, kv)
	}
	modelSort(req, kvs)
	if req.Limit > 0 && int64(len(kvs)) > req.Limit {
		kvs, resp.More = kvs[:req.Limit], true
	}
	for _, kv := range kvs {
		c := *kv
		if req.KeysOnly {
			c.Value = nil
		}
		resp.Kvs = append(resp.Kvs, &c)
	}
	return resp, nil
}

// modelSort: ties keep key order, which is what sort.Sort gives for up to 12 keys.
func modelSort(req *etcdserverpb.RangeRequest, kvs []*mvccpb.KeyValue) {
	less := func(a, b *mvccpb.KeyValue) bool {
		switch req.SortTarget {
		case etcdserverpb.RangeRequest_VERSION:
			return a.Version < b.Version
		case etcdserverpb.RangeRequest_CREATE:
			return a.CreateRevision < b.CreateRevision
		case etcdserverpb.RangeRequest_MOD:
			return a.ModRevision < b.ModRevision
		case etcdserverpb.RangeRequest_VALUE:
			return string(a.Value) < string(b.Value)
		}
		return string(a.Key) < string(b.Key)
	}
	if req.SortOrder == etcdserverpb.RangeRequest_DESCEND {
		sort.SliceStable(kvs, func(i, j int) bool { return less(kvs[j], kvs[i]) })
	} else {
		sort.SliceStable(kvs, func(i, j int) bool { return less(kvs[i], kvs[j]) })
	}
}

func (m *model) compare(c *etcdserverpb.Compare) bool {
	kvs := m.in(m.rev(), c.Key, c.RangeEnd)
	if len(kvs) == 0 {
		if c.Target == etcdserverpb.Compare_VALUE {
			return false
		}
		kvs = []*mvccpb.KeyValue{{}}
	}
	for _, kv := range kvs {
		var have, want int64
		switch c.Target {
		case etcdserverpb.Compare_VERSION:
			have, want = kv.Version, c.GetVersion()
		case etcdserverpb.Compare_CREATE:
			have, want = kv.CreateRevision, c.GetCreateRevision()
		case etcdserverpb.Compare_MOD:
			have, want = kv.ModRevision, c.GetModRevision()
		case etcdserverpb.Compare_LEASE:
			have, want = kv.Lease, c.GetLease()
		case etcdserverpb.Compare_VALUE:
			have = int64(bytes.Compare(kv.Value, c.GetValue()))
		}
		ok := map[etcdserverpb.Compare_CompareResult]bool{
			etcdserverpb.Compare_EQUAL: have == want, etcdserverpb.Compare_NOT_EQUAL: have != want,
			etcdserverpb.Compare_LESS: have < want, etcdserverpb.Compare_GREATER: have > want,
		}[c.Result]
		if !ok {
			return false
		}
	}
	return true
}

// event is what a watcher sees of version i.
func (m *model) event(v modelVersion) *mvccpb.Event {
	e := &mvccpb.Event{Kv: v.kv, PrevKv: m.get(v.key, v.rev-1)}
	if v.kv == nil {
		e.Type, e.Kv = mvccpb.DELETE, &mvccpb.KeyValue{Key: []byte(v.key), ModRevision: v.rev}
	}
	return e
}
