package mvcc

import (
	"sync"
	"sync/atomic"
	"unsafe"
)

// valueCache bounds the memory that the values of live keys take. It is SIEVE (Zhang et al.,
// NSDI 2024): a queue in the order in which values came, and a hand that goes from the oldest to
// the newest, lets go what hasn't been read since it passed by last, and begins anew at the
// end. A read marks a value and takes no lock.
//
// Only values that are stored in SQLite may be in it. The item in the tree is its index.
type valueCache struct {
	bound   int64 // bytes; 0: none
	metrics *Metrics
	lossy   atomic.Bool // some present value has been let go

	mu             sync.Mutex
	bytes          int64
	newest, oldest *cached
	hand           *cached // where to go on; nil: at the oldest
}

// whereabouts says whether the cache has a value.
type whereabouts uint8

const (
	notYet whereabouts = iota
	queued
	dropped // it won't be taken in any more
)

// cachedOverhead is what a value in memory takes beside its bytes.
const cachedOverhead = int64(unsafe.Sizeof(cached{}))

func (c *cached) size() int64 { return int64(len(c.kv.Value)) + cachedOverhead }

// add takes a value in, and lets others go for it if need be.
func (v *valueCache) add(c *cached) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.push(c)
	v.observe()
}

// turn takes in what was written, in order, and forgets what that took the place of.
func (v *valueCache) turn(entries []turn) {
	v.mu.Lock()
	defer v.mu.Unlock()
	for _, t := range entries {
		if t.old != nil {
			v.forget(t.old)
		}
		if t.new != nil {
			v.push(t.new.value.Load())
		}
	}
	v.observe()
}

// clear forgets all, for a tree that shares no item with those before it.
func (v *valueCache) clear() {
	v.mu.Lock()
	defer v.mu.Unlock()
	for v.oldest != nil {
		v.unlink(v.oldest)
	}
	v.observe()
}

func (v *valueCache) push(c *cached) {
	if c == nil || c.where != notYet {
		return
	}
	if v.bound > 0 && c.size() > v.bound {
		v.letGo(c)
		return
	}
	v.makeRoom(c.size())
	c.where = queued
	c.older = v.newest
	if c.older != nil {
		c.older.newer = c
	} else {
		v.oldest = c
	}
	v.newest = c
	v.bytes += c.size()
}

// forget: the value is of no use for the present state any more. States before it are there for a while
// yet, as pages of a list need them: what they still want is read from SQLite.
func (v *valueCache) forget(it *item) {
	c := it.value.Load()
	switch {
	case c == nil:
		return
	case c.where == queued:
		v.unlink(c)
	default:
		c.where = dropped // a read has just brought it, and will offer it
	}
	if v.bound > 0 {
		it.value.CompareAndSwap(c, nil)
	}
}

func (v *valueCache) makeRoom(size int64) {
	for v.bound > 0 && v.bytes+size > v.bound {
		c := v.hand
		if c == nil {
			c = v.oldest
		}
		for c.used.Swap(false) {
			if c = c.newer; c == nil {
				c = v.oldest
			}
		}
		v.hand = c.newer
		v.unlink(c)
		v.letGo(c)
	}
}

// letGo: from here on the value is in SQLite only.
func (v *valueCache) letGo(c *cached) {
	c.where = dropped
	c.item.value.CompareAndSwap(c, nil)
	v.lossy.Store(true)
	v.metrics.valueEvictions.Inc()
}

func (v *valueCache) unlink(c *cached) {
	if v.hand == c {
		v.hand = c.newer
	}
	if c.newer != nil {
		c.newer.older = c.older
	} else {
		v.newest = c.older
	}
	if c.older != nil {
		c.older.newer = c.newer
	} else {
		v.oldest = c.newer
	}
	c.newer, c.older, c.where = nil, nil, dropped
	v.bytes -= c.size()
}

func (v *valueCache) observe() { v.metrics.valueBytes.Set(float64(v.bytes)) }
