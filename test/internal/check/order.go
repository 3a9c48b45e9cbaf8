package check

import (
	"cmp"
	"math"
	"slices"
	"time"
)

// The revision of an answer's header is where the op stands in the one order of all
// ops. So linearizability, over all keys together, comes to two questions that need no
// search: does this order agree with the times (times), and did each op see the state
// at its place (reads)?

// times: an op that began after another had ended has at least its revision, a write a
// higher one; and no answer is of a revision that was written only later.
func (v *verdict) times(ops []Op) {
	ops = slices.DeleteFunc(slices.Clone(ops), func(o Op) bool { return !o.Answered() || !o.Linearizable() })
	byCall := slices.SortedFunc(slices.Values(ops), func(a, b Op) int { return cmp.Compare(a.Call, b.Call) })
	byReturn := slices.SortedFunc(slices.Values(ops), func(a, b Op) int { return cmp.Compare(a.Return, b.Return) })
	var known *Op // of the highest revision among those that ended before
	next := 0
	for _, o := range byCall {
		for ; next < len(byReturn) && byReturn[next].Return < o.Call; next++ {
			if known == nil || byReturn[next].Rev > known.Rev {
				known = &byReturn[next]
			}
		}
		switch {
		case known == nil:
		case o.Rev < known.Rev:
			v.add("%v is older than %v, which ended before", o, *known)
		case o.Rev == known.Rev && o.Write() && o.Outcome == Done:
			v.add("%v has the revision of %v, which ended before", o, *known)
		}
	}
}

// reads: each answer shows the state at its revision, and that had been written.
func (v *verdict) reads(ops []Op, log []Event) {
	began := begun(ops, log)
	ops = slices.DeleteFunc(slices.Clone(ops), func(o Op) bool { return !o.Answered() })
	slices.SortStableFunc(ops, func(a, b Op) int { return cmp.Compare(a.place(), b.place()) })
	state, n := newState(), 0
	for _, o := range ops {
		for ; n < len(log) && log[n].Rev <= o.place(); n++ {
			state.set(log[n])
		}
		if i := atRevision(log, o.Rev); i > 0 && began[i-1] > o.Return {
			v.add("%v ended before the write of revision %d began", o, log[i-1].Rev)
		}
		if want := state.between(o.Key, o.End); o.Shown && !slices.Equal(o.Saw, want) {
			v.add("%v saw %+v, but at revision %d there was %+v", o, o.Saw, o.place(), want)
		}
		if mod := state.mod(o.Key); o.Outcome == Refused && o.refutedBy(mod) {
			v.add("%v was told that its condition did not hold, but the key's mod revision was %d", o, mod)
		}
	}
}

// place is the revision whose state the op was shown.
func (o Op) place() int64 {
	if o.Kind == Read && o.At > 0 {
		return o.At
	}
	return o.Rev
}

// refutedBy reports whether a write to a key of this mod revision would have succeeded.
func (o Op) refutedBy(mod int64) bool {
	if o.If == Always {
		return o.Kind == Put || mod != 0
	}
	return o.If == mod
}

// begun returns, for each event of the log, the time before which neither it nor one
// before it can have been seen.
func begun(ops []Op, log []Event) []time.Duration {
	all := changes(log)
	x := indexOf(all)
	call := map[*change]time.Duration{}
	for _, o := range ops {
		if !o.Write() || o.Outcome == Refused {
			continue
		}
		for _, c := range x.of(o) {
			if t, ok := call[c]; !ok || o.Call < t {
				call[c] = o.Call
			}
		}
	}
	out := make([]time.Duration, len(all))
	latest := time.Duration(math.MinInt64)
	for i, c := range all {
		if t, ok := call[c]; ok {
			latest = max(latest, t)
		}
		out[i] = latest
	}
	return out
}
