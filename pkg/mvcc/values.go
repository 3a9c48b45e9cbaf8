package mvcc

import (
	"cmp"
	"context"
	"fmt"
	"slices"

	"go.etcd.io/etcd/api/v3/mvccpb"
)

// found are the keys that an answer is made of. absent are those whose value is in SQLite
// only: they are the answer's own, and lack it until fill reads it.
type found struct {
	kvs    []*mvccpb.KeyValue
	absent map[*mvccpb.KeyValue]*item
}

func (f *found) add(it *item) {
	if kv := it.inMemory(); kv != nil {
		f.kvs = append(f.kvs, kv)
		return
	}
	kv := it.with(nil)
	if f.absent == nil {
		f.absent = map[*mvccpb.KeyValue]*item{}
	}
	f.absent[&kv] = it
	f.kvs = append(f.kvs, &kv)
}

// lacking are the absent ones among kvs, in the order of the table.
func (f *found) lacking(kvs []*mvccpb.KeyValue) []want {
	if len(f.absent) == 0 {
		return nil
	}
	var wants []want
	for _, kv := range kvs {
		if it := f.absent[kv]; it != nil {
			wants = append(wants, want{it.pos, kv})
		}
	}
	slices.SortFunc(wants, func(a, b want) int { return cmp.Compare(a.pos, b.pos) })
	return wants
}

// want is a key that lacks the value of the record at pos.
type want struct {
	pos rowPos
	kv  *mvccpb.KeyValue
}

// missingError: there is no record where the state says that one is. It has been compacted, or
// else the file is corrupt (which it counts as).
type missingError struct{ pos rowPos }

func (e *missingError) Error() string {
	return fmt.Sprintf("%v: there is no record at revision %d", ErrCorrupt, e.pos.revision())
}

func (e *missingError) Unwrap() error { return ErrCorrupt }

// fill reads the values that some of f's keys lack. They aren't kept in memory: what
// a list reads is rarely read again soon, and would drive out what is.
func (s *Store) fill(ctx context.Context, f *found, kvs []*mvccpb.KeyValue) error {
	wants := f.lacking(kvs)
	if len(wants) == 0 {
		return nil
	}
	return s.values.use(ctx, func(r *valueReader) error {
		for len(wants) > 0 {
			if err := ctx.Err(); err != nil {
				return err
			}
			n := min(len(wants), valuesAtOnce)
			if err := s.fillFrom(r, wants[:n]); err != nil {
				return err
			}
			wants = wants[n:]
		}
		return nil
	})
}

func (s *Store) fillFrom(r *valueReader, wants []want) error {
	positions := make([]rowPos, len(wants))
	for i, w := range wants {
		positions[i] = w.pos
	}
	var read [valuesAtOnce]bool
	err := r.read(positions, func(pos rowPos, value []byte) {
		if i, asked := slices.BinarySearch(positions, pos); asked {
			wants[i].kv.Value, read[i] = value, true
		}
	})
	s.metrics.valueReads.Add(float64(len(wants)))
	if first := slices.Index(read[:len(wants)], false); err == nil && first >= 0 {
		err = &missingError{positions[first]}
	}
	return err
}

// get returns the key with its value, which then is in memory, or nil for no item.
func (s *Store) get(ctx context.Context, it *item) (*mvccpb.KeyValue, error) {
	if it == nil {
		return nil, nil
	}
	if kv := it.inMemory(); kv != nil {
		return kv, nil
	}
	c := &cached{kv: it.with(nil), item: it}
	err := s.values.use(ctx, func(r *valueReader) error { return s.fillFrom(r, []want{{it.pos, &c.kv}}) })
	if err != nil {
		return nil, err
	}
	if it.value.CompareAndSwap(nil, c) {
		s.cache.add(c)
	}
	return &c.kv, nil
}
