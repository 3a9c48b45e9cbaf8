package etcdsnap

import "github.com/netsy-io/netsy/pkg/lease"

// leaseMap gives etcd's leases new ids, which carry their terms: the same one for the
// same lease. A lease that etcd doesn't know is none: its keys would live for ever in etcd
// too.
type leaseMap struct {
	known   map[int64]etcdLease
	minter  *lease.Minter
	ids     map[int64]int64     // by etcd's
	orphans map[string]struct{} // living keys whose lease isn't known
}

func newLeaseMap(known map[int64]etcdLease, m *lease.Minter) *leaseMap {
	return &leaseMap{known: known, minter: m, ids: map[int64]int64{}, orphans: map[string]struct{}{}}
}

func (m *leaseMap) used() int64 { return int64(len(m.ids)) }

// translate returns the lease of an entry that becomes a record. Entries come in order.
func (m *leaseMap) translate(e *entry) (int64, error) {
	if len(m.orphans) > 0 {
		delete(m.orphans, string(e.kv.Key))
	}
	if e.tombstone || e.kv.Lease == 0 {
		return 0, nil
	}
	l, ok := m.known[e.kv.Lease]
	if !ok {
		m.orphans[string(e.kv.Key)] = struct{}{}
		return 0, nil
	}
	if id, ok := m.ids[l.id]; ok {
		return id, nil
	}
	if l.seconds() > lease.MaxTTL {
		return 0, unsupported(leaseName(l.id), "it lasts %d s, and no lease of Netsy lasts longer than %d s, so key %q would go too early: "+
			"put it with a shorter lease or without one, and take another snapshot", l.seconds(), lease.MaxTTL, e.kv.Key)
	}
	id, err := m.minter.Mint(l.seconds())
	if err != nil {
		return 0, err
	}
	m.ids[l.id] = id
	return id, nil
}
