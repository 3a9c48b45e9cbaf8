package mvcc

import (
	"bytes"
	"cmp"

	"go.etcd.io/etcd/api/v3/etcdserverpb"
	"go.etcd.io/etcd/api/v3/mvccpb"
)

// compareRange judges one compare against the keys it covers, as etcd does: every
// key must satisfy it. Where there is none, the numbers of an absent key are 0, and a
// compare of values fails, because the wire can't tell an absent value from an empty one.
func compareRange(c *etcdserverpb.Compare, kvs []*mvccpb.KeyValue) bool {
	if len(kvs) == 0 {
		return c.Target != etcdserverpb.Compare_VALUE && compareKey(c, &mvccpb.KeyValue{})
	}
	for _, kv := range kvs {
		if !compareKey(c, kv) {
			return false
		}
	}
	return true
}

func compareKey(c *etcdserverpb.Compare, kv *mvccpb.KeyValue) bool {
	switch c.Target {
	case etcdserverpb.Compare_VERSION:
		return holds(c.Result, cmp.Compare(kv.Version, c.GetVersion()))
	case etcdserverpb.Compare_CREATE:
		return holds(c.Result, cmp.Compare(kv.CreateRevision, c.GetCreateRevision()))
	case etcdserverpb.Compare_MOD:
		return holds(c.Result, cmp.Compare(kv.ModRevision, c.GetModRevision()))
	case etcdserverpb.Compare_VALUE:
		return holds(c.Result, bytes.Compare(kv.Value, c.GetValue()))
	case etcdserverpb.Compare_LEASE:
		return holds(c.Result, cmp.Compare(kv.Lease, c.GetLease()))
	}
	return false
}

func holds(want etcdserverpb.Compare_CompareResult, got int) bool {
	switch want {
	case etcdserverpb.Compare_EQUAL:
		return got == 0
	case etcdserverpb.Compare_GREATER:
		return got > 0
	case etcdserverpb.Compare_LESS:
		return got < 0
	case etcdserverpb.Compare_NOT_EQUAL:
		return got != 0
	}
	return false
}
