package etcdsnap

import (
	"encoding/binary"
	"fmt"

	bolt "go.etcd.io/bbolt"
	"google.golang.org/protobuf/encoding/protowire"
)

// etcdLease is etcd's leasepb.Lease: ID = 1, TTL = 2, RemainingTTL = 3, all int64. The
// remaining TTL is only there where etcd checkpoints leases.
type etcdLease struct{ id, ttl, remaining int64 }

// seconds is how long the lease lasts from a start of etcd on.
func (l etcdLease) seconds() int64 {
	if l.remaining > 0 {
		return l.remaining
	}
	return l.ttl
}

func leaseName(id int64) string { return fmt.Sprintf("lease %016x", id) }

// readLeases returns all leases by their ids. Memory: some 50 bytes a lease.
func (f *File) readLeases() (map[int64]etcdLease, error) {
	leases := map[int64]etcdLease{}
	err := f.view(func(tx *bolt.Tx) error {
		b := tx.Bucket(bucketLease)
		if b == nil {
			return nil
		}
		return b.ForEach(func(k, v []byte) error {
			if len(k) != 8 {
				return corrupt("", "the key %x of the bucket %q is no lease id", k, bucketLease)
			}
			id := int64(binary.BigEndian.Uint64(k))
			l, err := parseLease(v)
			if err == nil && (l.id != id || l.ttl < 0 || l.remaining < 0) {
				err = fmt.Errorf("it is entered as id %d, TTL %d s, %d s remaining", l.id, l.ttl, l.remaining)
			}
			if err != nil {
				return corrupt(leaseName(id), "%w", err)
			}
			leases[id] = l
			return nil
		})
	})
	return leases, err
}

func parseLease(b []byte) (l etcdLease, err error) {
	for len(b) > 0 {
		num, typ, n := protowire.ConsumeTag(b)
		if n < 0 {
			return l, protowire.ParseError(n)
		}
		b = b[n:]
		to := map[protowire.Number]*int64{1: &l.id, 2: &l.ttl, 3: &l.remaining}[num]
		switch {
		case to == nil: // of a newer etcd
			n = protowire.ConsumeFieldValue(num, typ, b)
		case typ != protowire.VarintType:
			return l, fmt.Errorf("field %d isn't a number", num)
		default:
			var v uint64
			v, n = protowire.ConsumeVarint(b)
			*to = int64(v)
		}
		if n < 0 {
			return l, protowire.ParseError(n)
		}
		b = b[n:]
	}
	return l, nil
}

func (l etcdLease) key() []byte { return binary.BigEndian.AppendUint64(nil, uint64(l.id)) }

func (l etcdLease) bytes() []byte {
	var b []byte
	for i, v := range []int64{l.id, l.ttl, l.remaining} {
		if v != 0 {
			b = protowire.AppendVarint(protowire.AppendTag(b, protowire.Number(i+1), protowire.VarintType), uint64(v))
		}
	}
	return b
}
