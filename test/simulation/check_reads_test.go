package simulation

import (
	"maps"
	"slices"
)

// reads: every answer is the committed state as of the revision that it names.
func (v *verdict) reads(ops []op, tl *timeline) {
	for i := range ops {
		o := &ops[i]
		if o.Outcome != done || o.Kind.write() && o.Applied {
			continue
		}
		if o.Rev < 1 || o.Rev > tl.end() {
			v.add("an answer is as of revision %d, the log ends at %d: %v", o.Rev, tl.end(), o)
			continue
		}
		if o.Kind == opList {
			v.list(o, tl)
			continue
		}
		want := tl.state(o.Key, o.Rev)
		if o.Seen != want {
			v.add("%s was %+v as of revision %d, not what was read: %v", o.Key, want, o.Rev, o)
		}
		if o.Kind == opCreate && want == (version{}) || (o.Kind == opUpdate || o.Kind == opDelete) && want.Mod == o.Expect {
			v.add("a compare failed that should have held as of revision %d: %v", o.Rev, o)
		}
	}
}

func (v *verdict) list(o *op, tl *timeline) {
	want := map[string]version{}
	for key := range tl.keys {
		if s := tl.state(key, o.Rev); s != (version{}) {
			want[key] = s
		}
	}
	if !maps.Equal(o.List, want) {
		v.add("a list read %+v, as of revision %d it was %+v: %v", o.List, o.Rev, want, o)
	}
}

// order: an operation that began when another had been answered comes after it. This is
// linearizability judged by revisions, over all keys at once.
func (v *verdict) order(ops []op) {
	type moment struct {
		tick int64
		op   *op
		call bool
	}
	var ms []moment
	for i := range ops {
		o := &ops[i]
		if o.Outcome != done || o.Kind == opLocalGet {
			continue
		}
		ms = append(ms, moment{o.Call, o, true}, moment{o.Return, o, false})
	}
	slices.SortFunc(ms, func(a, b moment) int { return int(a.tick - b.tick) })
	var newest *op         // answered with the highest revision so far
	floor := map[*op]*op{} // newest when the operation began
	for _, m := range ms {
		if m.call {
			floor[m.op] = newest
			continue
		}
		before := floor[m.op]
		switch {
		case before == nil:
		case m.op.Kind.write() && m.op.Applied && m.op.Rev <= before.Rev:
			v.add("a write got a revision that was known before it began: %v; known by %v", m.op, before)
		case m.op.Rev < before.Rev:
			v.add("a stale answer: %v; before it began there was %v", m.op, before)
		}
		if newest == nil || m.op.Rev > newest.Rev {
			newest = m.op
		}
	}
}
