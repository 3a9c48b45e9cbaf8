package lease

import (
	"container/heap"
	"time"
)

// table knows the leases of a reign, the keys that hold them, and which ends next.
// Times are counted from the start of the reign. It is not safe for concurrent use.
type table struct {
	leases map[ID]*entry
	keys   map[string]*entry // the lease that each key holds
	due    schedule          // every entry, by its next deadline
	idle   int               // entries without keys
}

// entry is a lease that has keys, or was granted here and may still get some.
type entry struct {
	id   ID
	here bool                // granted by this process in this reign
	end  time.Duration       // when the lease ends
	due  time.Duration       // when to look at it: at its end, later if deleting its keys takes long
	keys map[string]struct{} // nil if there are none
	pos  int                 // in the schedule
}

func newTable() *table {
	return &table{leases: map[ID]*entry{}, keys: map[string]*entry{}}
}

// grant adds a lease granted at now.
func (t *table) grant(id ID, now time.Duration) { t.add(id, true, now) }

func (t *table) add(id ID, here bool, now time.Duration) *entry {
	end := endsAt(here, now, id.TTL())
	e := &entry{id: id, here: here, end: end, due: end}
	t.leases[id] = e
	t.idle++
	heap.Push(&t.due, e)
	return e
}

// end returns when the lease ends. One that isn't in the table was granted in an
// earlier reign, or here and is over: then the answer lies before its end here,
// which is in the past as well.
func (t *table) end(id ID) time.Duration {
	if e := t.leases[id]; e != nil {
		return e.end
	}
	return endsAt(false, 0, id.TTL())
}

// attach notes that key holds id now, and no other.
func (t *table) attach(key string, id ID, now time.Duration) {
	e := t.leases[id]
	if e != nil && t.keys[key] == e {
		return
	}
	t.detach(key, now)
	if e == nil {
		e = t.add(id, false, 0)
	}
	if e.keys == nil {
		e.keys = map[string]struct{}{}
		t.idle--
	}
	e.keys[key] = struct{}{}
	t.keys[key] = e
}

// detach notes that key holds no lease.
func (t *table) detach(key string, now time.Duration) {
	e := t.keys[key]
	if e == nil {
		return
	}
	delete(t.keys, key)
	delete(e.keys, key)
	if len(e.keys) > 0 {
		return
	}
	e.keys = nil // a map doesn't shrink
	t.idle++
	if !e.here || over(e.end, now) {
		t.drop(e)
	}
}

// drop forgets e, which has no keys.
func (t *table) drop(e *entry) {
	t.idle--
	delete(t.leases, e.id)
	heap.Remove(&t.due, e.pos)
}

// next returns when there is something to do; ok is false if nothing ever is.
func (t *table) next() (at time.Duration, ok bool) {
	if len(t.due) == 0 {
		return 0, false
	}
	return t.due[0].due, true
}

// expired returns up to limit keys of leases that have run out. A lease all of
// whose keys were returned is put off by retry: what is still attached then is
// returned again. Leases without keys that have run out are forgotten.
func (t *table) expired(now, retry time.Duration, limit int) []held {
	var out []held
	for len(t.due) > 0 && over(t.due[0].due, now) && len(out) < limit {
		e := t.due[0]
		if len(e.keys) == 0 {
			t.drop(e)
			continue
		}
		for key := range e.keys {
			if len(out) == limit {
				return out // there are more of e's: it stays due
			}
			out = append(out, held{key: key, id: e.id})
		}
		e.due = now + retry
		heap.Fix(&t.due, e.pos)
	}
	return out
}

// held is a key with the lease it holds.
type held struct {
	key string
	id  ID
}

// schedule is a heap of entries by due, for container/heap.
type schedule []*entry

func (s schedule) Len() int           { return len(s) }
func (s schedule) Less(i, j int) bool { return s[i].due < s[j].due }

func (s schedule) Swap(i, j int) {
	s[i], s[j] = s[j], s[i]
	s[i].pos, s[j].pos = i, j
}

func (s *schedule) Push(x any) {
	e := x.(*entry)
	e.pos = len(*s)
	*s = append(*s, e)
}

func (s *schedule) Pop() any {
	old := *s
	e := old[len(old)-1]
	old[len(old)-1] = nil
	*s = old[:len(old)-1]
	return e
}
