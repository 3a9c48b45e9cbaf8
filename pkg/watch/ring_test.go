package watch

import (
	"testing"

	"github.com/netsy-io/netsy/pkg/record"
	"go.etcd.io/etcd/api/v3/mvccpb"
	"pgregory.net/rapid"
)

// The ring must hold a gap-free end of everything that was added, within its
// bounds, and as much of it as fits.
func TestRing(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		r := ring{from: 1, limit: load{
			rapid.IntRange(1, 300).Draw(t, "events"), rapid.IntRange(1, 3000).Draw(t, "bytes"),
		}}
		var all []revision
		rev := record.Revision(0)
		for _, n := range rapid.SliceOfN(rapid.IntRange(1, 5), 0, 500).Draw(t, "sizes") {
			rev += record.Revision(n) // revisions without events between
			e := revision{rev: rev, events: make([]event, n), load: load{n, 10 * n}}
			r.add(e)
			all = append(all, e)
		}
		checkRing(t, &r, all, rev)
	})
}

func checkRing(t *rapid.T, r *ring, all []revision, rev record.Revision) {
	var held load
	kept := 0
	for i := len(all) - 1; i >= 0; i-- {
		sum := held.plus(all[i].load)
		if sum.events > r.limit.events || sum.bytes > r.limit.bytes {
			break
		}
		held, kept = sum, kept+1
	}
	want := all[len(all)-kept:]
	if r.load != held {
		t.Fatalf("load is %v, want %v", r.load, held)
	}
	if kept < len(all) && r.from != all[len(all)-kept-1].rev+1 {
		t.Fatalf("covers from %d, but %d was dropped last", r.from, all[len(all)-kept-1].rev)
	}
	for from := r.from; from <= rev+1; from++ {
		for len(want) > 0 && want[0].rev < from {
			want = want[1:]
		}
		got := r.since(from, 7)
		if len(got) != min(7, len(want)) || len(got) > 0 && got[0].rev != want[0].rev || !r.covers(from) {
			t.Fatalf("since %d got %d revisions", from, len(got))
		}
	}
	if r.covers(r.from - 1) {
		t.Fatal("covers what it dropped")
	}
}

func TestEventForms(t *testing.T) {
	kv, prev := &mvccpb.KeyValue{Key: []byte("a")}, &mvccpb.KeyValue{Key: []byte("a"), Version: 1}
	ev := &mvccpb.Event{Type: mvccpb.DELETE, Kv: kv, PrevKv: prev}
	e := newEvent(ev)
	if e.full != ev || ev.PrevKv != prev {
		t.Error("the event was changed")
	}
	if e.bare.PrevKv != nil || e.bare.Kv != kv || e.bare.Type != mvccpb.DELETE {
		t.Errorf("bare is %v", e.bare)
	}
}

func TestQueueIsFirstInFirstOut(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var q queue
		pushed, popped := int64(0), int64(0)
		for _, push := range rapid.SliceOfN(rapid.Bool(), 0, 1000).Draw(t, "ops") {
			if push {
				q.push(item{id: pushed})
				pushed++
			} else if it, ok := q.pop(); ok != (popped < pushed) || ok && it.id != popped {
				t.Fatalf("popped %d, %v, want %d", it.id, ok, popped)
			} else if ok {
				popped++
			}
			if tail := q.tail(); (tail == nil) != (popped == pushed) || tail != nil && tail.id != pushed-1 {
				t.Fatal("wrong tail")
			}
		}
	})
}
