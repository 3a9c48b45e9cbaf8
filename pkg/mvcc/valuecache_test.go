package mvcc

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"go.etcd.io/etcd/api/v3/mvccpb"
)

// sieve is SIEVE as its paper has it, on a slice: oldest first, and the hand an index.
type sieve struct {
	queue []*item
	used  map[*item]bool
	hand  int
	room  int
}

func (s *sieve) add(it *item) {
	for len(s.queue) == s.room {
		for ; s.used[s.queue[s.hand]]; s.hand = (s.hand + 1) % len(s.queue) {
			s.used[s.queue[s.hand]] = false
		}
		s.remove(s.queue[s.hand])
	}
	s.queue = append(s.queue, it)
}

func (s *sieve) remove(it *item) {
	i := slices.Index(s.queue, it)
	if i < 0 {
		return
	}
	s.queue = slices.Delete(s.queue, i, i+1)
	if i < s.hand {
		s.hand--
	}
	if s.hand == len(s.queue) {
		s.hand = 0
	}
	delete(s.used, it)
}

// TestValueCacheIsSieve: whatever is written, read, replaced and brought back in whatever order, the cache
// holds what SIEVE holds, in its order, and knows its size.
func TestValueCacheIsSieve(t *testing.T) {
	const keys, room = 8, 4
	for seed := range uint64(200) {
		rng := rand.New(rand.NewPCG(seed, 1))
		want := &sieve{used: map[*item]bool{}, room: room}
		cache := &valueCache{bound: room * (cachedOverhead + 1), metrics: NewMetrics(nil)}
		var live [keys]*item
		for op := range 200 {
			k := rng.IntN(keys)
			it := live[k]
			switch rng.IntN(5) {
			case 0, 1: // written
				now, _ := newItem(firstOf(1), &mvccpb.KeyValue{Key: fmt.Append(nil, k), Value: []byte("v")})
				cache.turn([]turn{{new: now, old: it}})
				want.remove(it)
				want.add(now)
				live[k] = now
			case 2: // read
				if it != nil && it.inMemory() != nil {
					want.used[it] = true
				}
			case 3: // read from the disk
				if it != nil && it.inMemory() == nil {
					c := &cached{kv: it.bare(), item: it}
					c.kv.Value = []byte("v")
					it.value.Store(c)
					cache.add(c)
					want.add(it)
				} else if it != nil {
					want.used[it] = true
				}
			case 4: // deleted
				cache.turn([]turn{{old: it}})
				want.remove(it)
				live[k] = nil
			}
			cache.check(t, want, live[:])
			if t.Failed() {
				t.Fatalf("seed %d, operation %d", seed, op)
			}
		}
	}
}

// check compares the queue, in both directions, and which of the live keys are in memory.
func (v *valueCache) check(t *testing.T, want *sieve, live []*item) {
	t.Helper()
	var forth, back []*item
	for c := v.oldest; c != nil; c = c.newer {
		forth = append(forth, c.item)
	}
	for c := v.newest; c != nil; c = c.older {
		back = append(back, c.item)
	}
	slices.Reverse(back)
	if !slices.Equal(forth, want.queue) || !slices.Equal(back, want.queue) {
		t.Errorf("queue %v, backwards %v, want %v", forth, back, want.queue)
	}
	if v.bytes != int64(len(want.queue))*(cachedOverhead+1) {
		t.Errorf("%d bytes for %d values", v.bytes, len(want.queue))
	}
	for _, it := range live {
		if it != nil && (it.value.Load() != nil) != slices.Contains(want.queue, it) {
			t.Errorf("key %s in memory: %v", it.key, it.value.Load() != nil)
		}
	}
}

// TestValueBroughtTooLate: a value that a reader has just brought isn't taken in once its key
// has been written again, nor twice.
func TestValueBroughtTooLate(t *testing.T) {
	cache := &valueCache{metrics: NewMetrics(nil)}
	it, _ := newItem(firstOf(1), &mvccpb.KeyValue{Key: []byte("k")})
	cache.turn([]turn{{old: it}})
	cache.add(it.value.Load())
	if cache.bytes != 0 || cache.oldest != nil {
		t.Error("the cache holds what nobody will ask for")
	}
	again, _ := newItem(firstOf(2), &mvccpb.KeyValue{Key: []byte("k")})
	cache.turn([]turn{{new: again}, {new: again}})
	if cache.bytes != cachedOverhead {
		t.Errorf("%d bytes for one value", cache.bytes)
	}
}
