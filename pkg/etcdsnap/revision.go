package etcdsnap

import (
	"encoding/binary"
	"fmt"

	"github.com/netsy-io/netsy/pkg/record"
)

// A key of the bucket key: the revision (8 bytes, big endian), '_', the place within the
// revision (8 bytes), and 't' if it is a tombstone.
const (
	revisionSize  = 17
	separator     = '_'
	tombstoneMark = 't'
)

// Bounds of what Netsy can number; see pkg/mvcc.
const (
	maxRevision record.Revision = 1<<42 - 1
	maxSub                      = 1<<20 - 1
)

// place is where etcd keeps an entry.
type place struct {
	revision  record.Revision
	sub       int64
	tombstone bool
}

func (p place) String() string { return fmt.Sprintf("revision %d/%d", p.revision, p.sub) }

func (p place) less(q place) bool {
	return p.revision < q.revision || p.revision == q.revision && p.sub < q.sub
}

func parsePlace(k []byte) (p place, err error) {
	marked := len(k) == revisionSize+1 && k[revisionSize] == tombstoneMark
	if len(k) != revisionSize && !marked || k[8] != separator {
		return p, corrupt("", "the key %x of the bucket %q is no revision", k, bucketKey)
	}
	p = place{revision: record.Revision(binary.BigEndian.Uint64(k)), sub: int64(binary.BigEndian.Uint64(k[9:])), tombstone: marked}
	switch {
	case p.revision < 0 || p.sub < 0:
		return p, corrupt(p.String(), "a negative number")
	case p.revision >= maxRevision: // one more follows
		return p, unsupported(p.String(), "Netsy's revisions end at %d", maxRevision)
	}
	return p, nil
}

func (p place) bytes() []byte {
	b := make([]byte, revisionSize, revisionSize+1)
	binary.BigEndian.PutUint64(b, uint64(p.revision))
	b[8] = separator
	binary.BigEndian.PutUint64(b[9:], uint64(p.sub))
	if p.tombstone {
		b = append(b, tombstoneMark)
	}
	return b
}
