package etcdsnap

import (
	"bytes"

	bolt "go.etcd.io/bbolt"

	"github.com/netsy-io/netsy/pkg/record"
)

// facts are what the bucket meta says.
type facts struct {
	scheduled, finished record.Revision // of the last compaction that was ordered, and done; 0 is none
	authEnabled         bool
}

// compacted is the revision up to which history counts as gone: etcd does what was ordered
// as soon as it starts, and until then answers as if it were done.
func (f facts) compacted() record.Revision { return max(f.scheduled, f.finished) }

func (f *File) readFacts() (m facts, err error) {
	err = f.view(func(tx *bolt.Tx) error {
		b := tx.Bucket(bucketMeta)
		for name, to := range map[string]*record.Revision{string(metaScheduledCompact): &m.scheduled, string(metaFinishedCompact): &m.finished} {
			v := b.Get([]byte(name))
			if v == nil {
				continue
			}
			p, err := parsePlace(v)
			if err != nil {
				return corrupt(name, "%w", err)
			}
			*to = p.revision
		}
		if auth := tx.Bucket([]byte("auth")); auth != nil {
			m.authEnabled = bytes.Equal(auth.Get(metaAuthEnabled), []byte{1})
		}
		return nil
	})
	return m, err
}
