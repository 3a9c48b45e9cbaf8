package lease

import (
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// The table must agree with a model that keeps everything and looks at all of it.
func TestTable(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		m := model{t: t, table: newTable(), ends: map[ID]time.Duration{}, holds: map[string]ID{}, here: map[ID]bool{}}
		t.Repeat(map[string]func(*rapid.T){
			"grant": m.grant, "attach": m.attach, "detach": m.detach, "time": m.pass, "expire": m.expire, "": m.check,
		})
	})
}

type model struct {
	t     *rapid.T
	table *table
	now   time.Duration
	ends  map[ID]time.Duration // of every lease ever seen
	here  map[ID]bool
	holds map[string]ID
	seq   uint8
}

var tableKey = rapid.SampledFrom([]string{"a", "b", "c", "d", "e"})

func (m *model) grant(t *rapid.T) {
	if m.seq == 255 {
		t.Skip("no more ids")
	}
	m.seq++
	id := makeID(1, rapid.Int64Range(2, 6).Draw(t, "ttl"), m.seq)
	m.table.grant(id, m.now)
	m.ends[id], m.here[id] = m.now+id.TTL(), true
}

func (m *model) attach(t *rapid.T) {
	key := tableKey.Draw(t, "key")
	id := makeID(2, rapid.Int64Range(2, 4).Draw(t, "ttl"), uint8(rapid.IntRange(0, 1).Draw(t, "foreign")))
	if m.seq > 0 && rapid.Bool().Draw(t, "own") {
		n := uint8(rapid.IntRange(1, int(m.seq)).Draw(t, "which"))
		for known := range m.ends {
			if m.here[known] && uint8(known) == n {
				id = known
			}
		}
	}
	if !m.here[id] {
		m.ends[id] = id.TTL()
	}
	m.table.attach(key, id, m.now)
	m.holds[key] = id
}

func (m *model) detach(t *rapid.T) {
	key := tableKey.Draw(t, "key")
	m.table.detach(key, m.now)
	delete(m.holds, key)
}

func (m *model) pass(t *rapid.T) {
	m.now += time.Duration(rapid.IntRange(0, 3000).Draw(t, "ms")) * time.Millisecond
}

func (m *model) expire(t *rapid.T) {
	const retry = time.Nanosecond
	m.now++ // so that nothing is put off
	limit := rapid.IntRange(1, 4).Draw(t, "limit")
	due := 0
	for _, id := range m.holds {
		if m.ends[id] <= m.now {
			due++
		}
	}
	got := m.table.expired(m.now, retry, limit)
	if len(got) != min(due, limit) {
		t.Fatalf("%d keys returned, %d are due, limit %d", len(got), due, limit)
	}
	for i, h := range got {
		if m.holds[h.key] != h.id || m.ends[h.id] > m.now || slices.Contains(got[:i], h) {
			t.Fatalf("%v returned: holds %v until %s, now %s", h, m.holds[h.key], m.ends[h.id], m.now)
		}
	}
	m.now++
}

func (m *model) check(t *rapid.T) {
	if len(m.table.keys) != len(m.holds) {
		t.Fatalf("%d keys, want %d", len(m.table.keys), len(m.holds))
	}
	idle := 0
	for i, e := range m.table.due {
		if e.pos != i || m.table.leases[e.id] != e {
			t.Fatal("the schedule is out of order")
		}
		if len(e.keys) == 0 {
			idle++
			if !m.here[e.id] {
				t.Fatal("a lease of another reign without keys stays behind")
			}
		}
	}
	if idle != m.table.idle || len(m.table.due) != len(m.table.leases) {
		t.Fatalf("%d idle leases, counted %d", idle, m.table.idle)
	}
	for id, end := range m.ends {
		if got := m.table.end(id); over(got, m.now) != over(end, m.now) || !over(end, m.now) && got != end {
			t.Fatalf("%v ends at %s, want %s, now %s", id, got, end, m.now)
		}
	}
}
