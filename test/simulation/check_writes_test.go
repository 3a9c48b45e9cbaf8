package simulation

import "slices"

// writes: what was acknowledged is in the log, once, where it was said to be; what was
// refused isn't; and nothing is there that nobody wrote.
func (v *verdict) writes(ops []op, tl *timeline) {
	byValue, byDeleted := map[string]*op{}, map[int64][]*op{}
	byRev := map[int64]*op{}
	for i := range ops {
		o := &ops[i]
		if !o.Kind.write() {
			continue
		}
		if o.Kind == opDelete {
			byDeleted[o.Expect] = append(byDeleted[o.Expect], o)
		} else {
			byValue[o.Value] = o
		}
		if o.Outcome != done || !o.Applied {
			continue
		}
		if other := byRev[o.Rev]; other != nil {
			v.add("revision %d was acknowledged twice: %v; %v", o.Rev, other, o)
		}
		byRev[o.Rev] = o
		v.kept(o, tl)
	}
	seen := map[string]int64{}
	for _, is := range tl.keys {
		for _, i := range is {
			v.wanted(tl, int64(i+1), byValue, byDeleted, seen)
		}
	}
}

// kept: an acknowledged write is in the log.
func (v *verdict) kept(o *op, tl *timeline) {
	r := tl.at(o.Rev)
	switch {
	case r == nil:
		v.add("an acknowledged write is lost, the log ends at %d: %v", tl.end(), o)
	case string(r.Key) != o.Key || r.Deleted != (o.Kind == opDelete) || !r.Deleted && string(r.Value) != o.Value:
		v.add("an acknowledged write is lost, its revision holds %s=%q (deleted: %v) of epoch %d: %v", r.Key, r.Value, r.Deleted, r.Epoch, o)
	case o.Kind != opCreate && int64(r.PrevRevision) != o.Expect:
		v.add("a write met revision %d of its key: %v", r.PrevRevision, o)
	}
}

// wanted: somebody asked for what the log has at rev, and wasn't told that it failed.
func (v *verdict) wanted(tl *timeline, rev int64, byValue map[string]*op, byDeleted map[int64][]*op, seen map[string]int64) {
	r := tl.at(rev)
	may := func(o *op) bool {
		return o.Key == string(r.Key) && (o.Outcome == unknown || o.Outcome == done && o.Applied && o.Rev == rev)
	}
	if r.Deleted {
		if !slices.ContainsFunc(byDeleted[int64(r.PrevRevision)], may) {
			v.add("revision %d deletes %s, which nobody asked for, or was told had failed: %v", rev, r.Key, byDeleted[int64(r.PrevRevision)])
		}
		return
	}
	o := byValue[string(r.Value)]
	switch {
	case o == nil:
		v.add("nobody wrote %s=%q at revision %d", r.Key, r.Value, rev)
	case !may(o):
		v.add("a write that was answered otherwise happened at revision %d: %v", rev, o)
	case seen[o.Value] != 0:
		v.add("a write happened twice, at revisions %d and %d: %v", seen[o.Value], rev, o)
	}
	seen[string(r.Value)] = rev
}
