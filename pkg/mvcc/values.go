package mvcc

import (
	"cmp"
	"context"
	"fmt"
	"iter"
	"slices"

	"go.etcd.io/etcd/api/v3/mvccpb"
)

// found are the keys that an answer is made of. absent are those whose value is in SQLite
// only: they are the answer's own, and lack it until fill reads it.
type found struct {
	kvs    []*mvccpb.KeyValue
	absent map[*mvccpb.KeyValue]*cached
	bare   bool // values that memory lacks aren't wanted
	keep   bool // those that are read come into the cache
}

func (f *found) add(it *item) {
	if kv := it.inMemory(); kv != nil {
		f.kvs = append(f.kvs, kv)
		return
	}
	c := &cached{kv: it.bare(), item: it}
	f.kvs = append(f.kvs, &c.kv)
	if f.bare {
		return
	}
	if f.absent == nil {
		f.absent = map[*mvccpb.KeyValue]*cached{}
	}
	f.absent[&c.kv] = c
}

// lacking are the absent ones among kvs.
func (f found) lacking(kvs []*mvccpb.KeyValue) []*cached {
	if len(f.absent) == 0 {
		return nil
	}
	var lacking []*cached
	for _, kv := range kvs {
		if c := f.absent[kv]; c != nil {
			lacking = append(lacking, c)
		}
	}
	return lacking
}

// fill reads the values that some of f's keys lack. What a list reads isn't kept in memory: it
// is rarely read again soon, and would drive out what is.
func (s *Store) fill(ctx context.Context, f found, kvs []*mvccpb.KeyValue) error {
	return s.fillFrom(ctx, s.values, f, kvs)
}

func (s *Store) fillFrom(ctx context.Context, from *valueReaders, f found, kvs []*mvccpb.KeyValue) error {
	lacking := f.lacking(kvs)
	if len(lacking) == 0 {
		return nil
	}
	if err := s.readValues(ctx, from, lacking); err != nil {
		return err
	}
	if f.keep {
		s.keep(lacking)
	}
	return nil
}

// get returns the key with its value, which then is in memory, or nil for no item.
func (s *Store) get(ctx context.Context, from *valueReaders, it *item) (*mvccpb.KeyValue, error) {
	if it == nil {
		return nil, nil
	}
	if kv := it.inMemory(); kv != nil {
		return kv, nil
	}
	f := found{keep: true}
	f.add(it)
	return f.kvs[0], s.fillFrom(ctx, from, f, f.kvs)
}

// keep offers values to the cache.
func (s *Store) keep(values []*cached) {
	for _, c := range values {
		if c.item.value.CompareAndSwap(nil, c) {
			s.cache.add(c)
		}
	}
}

// missingError: there is no record where the state says that one is. It has been compacted, or
// else the file is corrupt (which it counts as).
type missingError struct{ pos rowPos }

func (e *missingError) Error() string {
	return fmt.Sprintf("%v: there is no record at revision %d", ErrCorrupt, e.pos.revision())
}

func (e *missingError) Unwrap() error { return ErrCorrupt }

// readValues reads the values of different records, some at a time, so that nobody waits long for a reader,
// in the order of the table.
func (s *Store) readValues(ctx context.Context, from *valueReaders, values []*cached) error {
	slices.SortFunc(values, func(a, b *cached) int { return cmp.Compare(a.item.pos, b.item.pos) })
	for some := range slices.Chunk(values, valuesAtOnce) {
		if err := s.readSome(ctx, from, some); err != nil {
			return err
		}
	}
	return nil
}

func (s *Store) readSome(ctx context.Context, from *valueReaders, values []*cached) error {
	var read [valuesAtOnce]bool
	positions := make([]rowPos, len(values))
	for i, c := range values {
		positions[i] = c.item.pos
	}
	err := from.read(ctx, positions, func(pos rowPos, value []byte) {
		if i, wanted := slices.BinarySearch(positions, pos); wanted {
			values[i].kv.Value, read[i] = value, true
		}
	})
	s.metrics.valueReads.Add(float64(len(values)))
	if err != nil {
		s.blame(err, positions)
		return err
	}
	if first := slices.Index(read[:len(values)], false); first >= 0 {
		return &missingError{positions[first]} // whoever asked knows what that means
	}
	return nil
}

// Warm brings the present values of keys into memory, all at once: of each key that is about to be written the
// value is needed, and writes are evaluated one by one. It does nothing while all values are in memory.
// An error here will show in the write.
func (s *Store) Warm(ctx context.Context, keys iter.Seq[[]byte]) {
	if !s.cache.lossy.Load() {
		return
	}
	var (
		items []*item
		t     = s.Snapshot().tree
	)
	for key := range keys {
		if it := find(t, key); it != nil && it.value.Load() == nil {
			items = append(items, it)
		}
	}
	slices.SortFunc(items, func(a, b *item) int { return cmp.Compare(a.pos, b.pos) })
	f := found{keep: true}
	for _, it := range slices.Compact(items) {
		f.add(it)
	}
	_ = s.fill(ctx, f, f.kvs)
}
