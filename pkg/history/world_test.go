package history

import (
	"fmt"
	"io"
	"slices"

	"github.com/netsy-io/netsy/pkg/record"
)

// stream is records in memory as a snapshot.
type stream struct{ recs []record.Record }

func (s *stream) Next() (record.Record, error) {
	if len(s.recs) == 0 {
		return record.Record{}, io.EOF
	}
	r := s.recs[0]
	s.recs = s.recs[1:]
	return r, nil
}

// replay makes true histories.
type replay struct {
	recs  []record.Record
	keys  map[string]record.Record
	epoch record.Epoch
}

func newReplay() *replay { return &replay{keys: map[string]record.Record{}} }

func (p *replay) next() record.Revision { return record.Revision(len(p.recs) + 1) }

func (p *replay) add(r record.Record) {
	r.Revision, r.Epoch = p.next(), p.epoch
	if old, ok := p.keys[string(r.Key)]; ok && !old.Deleted {
		r.CreateRevision, r.PrevRevision = old.CreateRevision, old.Revision
		if !r.Deleted {
			r.Version = old.Version + 1
		}
	} else {
		r.Created, r.CreateRevision, r.Version = true, r.Revision, 1
	}
	p.recs, p.keys[string(r.Key)] = append(p.recs, r), r
}

func (p *replay) put(key string) {
	p.add(record.Record{Key: []byte(key), Value: fmt.Appendf(nil, "%s@%d/%d", key, p.next(), p.epoch)})
}

func (p *replay) exists(key string) bool {
	r, ok := p.keys[key]
	return ok && !r.Deleted
}

func (p *replay) remove(key string) { p.add(record.Record{Key: []byte(key), Deleted: true}) }

func (p *replay) seal(epoch record.Epoch) {
	p.epoch = epoch
	p.add(record.Record{Key: []byte(record.EpochStartKey)})
}

// snapshot is what a snapshot at end, reduced up to purged, holds: the rule in the words
// of docs/data-files.md, and nothing of the code under test.
func snapshot(recs []record.Record, purged, end record.Revision) (out []record.Record) {
	for i, r := range recs {
		if r.Revision > end {
			break
		}
		newest := !slices.ContainsFunc(recs[i+1:], func(l record.Record) bool {
			return string(l.Key) == string(r.Key) && l.Revision <= purged
		})
		if r.Revision > purged || newest && !r.Deleted {
			out = append(out, r)
		}
	}
	return out
}

// allHistories calls fn with every history of puts and deletes of the keys, n records long.
func allHistories(n int, keys []string, fn func([]record.Record)) {
	var grow func(ops []int)
	grow = func(ops []int) {
		p := newReplay()
		p.epoch = 1
		for _, op := range ops {
			k := keys[op/2]
			if op%2 == 1 && !p.exists(k) {
				return
			}
			if op%2 == 1 {
				p.remove(k)
			} else {
				p.put(k)
			}
		}
		if len(ops) == n {
			fn(p.recs)
			return
		}
		for op := range 2 * len(keys) {
			grow(append(ops[:len(ops):len(ops)], op))
		}
	}
	grow(nil)
}
