package mvcc

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"iter"
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

// lacking are the absent ones among kvs.
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
	return s.readValues(ctx, f.lacking(kvs))
}

// readValues reads what is wanted, of different positions, some at a time, in the order of the table.
func (s *Store) readValues(ctx context.Context, wants []want) error {
	if len(wants) == 0 {
		return nil
	}
	slices.SortFunc(wants, func(a, b want) int { return cmp.Compare(a.pos, b.pos) })
	err := s.readAll(ctx, wants)
	if !errors.As(err, new(*missingError)) { // else it is known later what that means
		s.blame(err, wants[0].pos)
	}
	return err
}

// blame tells of an error in reading the value at a position, or one after it, if it is one of the disk's
// or the file's and the first since all was well.
func (s *Store) blame(err error, pos rowPos) {
	if !errors.Is(err, ErrDisk) && !errors.Is(err, ErrCorrupt) {
		return
	}
	if s.unreadable.Swap(&pos) == nil {
		s.readFailed(err)
	}
}

// checkReadable tries again what failed last. That it is gone by now is no failure.
func (s *Store) checkReadable(ctx context.Context) error {
	pos := s.unreadable.Load()
	if pos == nil {
		return nil
	}
	err := s.readAll(ctx, []want{{*pos, new(mvccpb.KeyValue)}})
	if err != nil && !errors.As(err, new(*missingError)) {
		return err
	}
	s.unreadable.CompareAndSwap(pos, nil)
	return nil
}

func (s *Store) readAll(ctx context.Context, wants []want) error {
	return s.values.use(ctx, func(r *valueReader) error {
		for some := range slices.Chunk(wants, valuesAtOnce) {
			if err := ctx.Err(); err != nil {
				return err
			}
			if err := s.readSome(r, some); err != nil {
				return err
			}
		}
		return nil
	})
}

func (s *Store) readSome(r *valueReader, wants []want) error {
	var (
		asked [valuesAtOnce]rowPos
		read  [valuesAtOnce]bool
	)
	positions := asked[:len(wants)]
	for i, w := range wants {
		positions[i] = w.pos
	}
	err := r.read(positions, func(pos rowPos, value []byte) {
		if i, wanted := slices.BinarySearch(positions, pos); wanted {
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
	brought, err := s.bring(ctx, []*item{it})
	if err != nil {
		return nil, err
	}
	return &brought[0].kv, nil
}

// bring reads the values of different items that lack them, and offers them to the cache.
func (s *Store) bring(ctx context.Context, items []*item) ([]*cached, error) {
	brought, wants := make([]*cached, len(items)), make([]want, len(items))
	for i, it := range items {
		brought[i] = &cached{kv: it.with(nil), item: it}
		wants[i] = want{it.pos, &brought[i].kv}
	}
	if err := s.readValues(ctx, wants); err != nil {
		return nil, err
	}
	for _, c := range brought {
		if c.item.value.CompareAndSwap(nil, c) {
			s.cache.add(c)
		}
	}
	return brought, nil
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
	_, _ = s.bring(ctx, slices.Compact(items))
}
