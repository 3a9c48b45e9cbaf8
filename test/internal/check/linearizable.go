package check

import (
	"cmp"
	"maps"
	"math"
	"slices"
	"time"

	"github.com/anishathalye/porcupine"
)

// linearizable searches, for each key alone, for an order of its ops that agrees with
// the times and in which each saw what was there. Unlike [verdict.times] and
// [verdict.reads] it does not ask the log for the order: only, for writes in doubt,
// whether and at which revision they happened.
func (v *verdict) linearizable(ops []Op, log []Event, patience time.Duration) {
	x := indexOf(changes(log))
	byKey := map[string][]porcupine.Operation{}
	for _, o := range x.settle(ops) {
		if o.Kind == Read && (o.End != "" || !o.Linearizable()) {
			continue
		}
		byKey[o.Key] = append(byKey[o.Key], porcupine.Operation{Input: o, Call: int64(o.Call), Return: int64(o.Return)})
	}
	deadline := time.Now().Add(patience)
	for _, key := range slices.Sorted(maps.Keys(byKey)) {
		left := max(time.Until(deadline), time.Millisecond)
		switch porcupine.CheckOperationsTimeout(oneKey, byKey[key], left) {
		case porcupine.Illegal:
			v.add("no order of the %d ops on %s explains what they saw", len(byKey[key]), key)
		case porcupine.Unknown:
			v.add("nothing is decided: %d ops on %s are too many to order within %v", len(byKey[key]), key, patience)
			return
		}
	}
}

// settle leaves out what tells nothing: reads without an answer, and writes that the
// log says never happened. Those in doubt that did happen become Done, at a time that
// nobody knows the end of. Of several that may have made one deletion the first is as
// good as any, and none if another is known to have made it: so the search needn't try
// them all. Only a deletion that may have made several stays in doubt.
func (x index) settle(ops []Op) (out []Op) {
	made := map[*change]bool{}
	for _, o := range ops {
		if o.Write() && o.Outcome == Done {
			for _, c := range x.of(o) {
				made[c] = true
			}
		}
	}
	for _, o := range slices.SortedStableFunc(slices.Values(ops), func(a, b Op) int { return cmp.Compare(a.Call, b.Call) }) {
		if o.Answered() {
			out = append(out, o)
			continue
		}
		if !o.Write() || o.Outcome == Refused {
			continue
		}
		found := slices.DeleteFunc(x.of(o), func(c *change) bool { return made[c] })
		if len(found) == 0 {
			continue
		}
		if len(found) == 1 {
			o.Rev, o.Outcome, made[found[0]] = found[0].Rev, Done, true
		}
		o.Return = math.MaxInt64
		out = append(out, o)
	}
	return out
}

// version is the state of one key: what identifies its present value.
type version struct {
	mod   int64
	value string
}

// oneKey is a key with etcd's conditional writes. A write in doubt whose condition
// doesn't hold has no effect: it stands for one that failed, or comes after everything.
var oneKey = porcupine.Model{
	Init: func() any { return version{} },
	Step: func(s, input, _ any) (bool, any) {
		o, now := input.(Op), s.(version)
		switch {
		case o.Kind == Read:
			return shows(o, now), now
		case o.Outcome == Refused:
			return !o.refutedBy(now.mod) && shows(o, now), now
		case !o.refutedBy(now.mod):
			return o.Outcome == Unknown, now
		case o.Kind == Delete:
			return true, version{}
		default:
			return true, version{mod: o.Rev, value: o.Value}
		}
	},
	Equal: func(a, b any) bool { return a == b },
}

// shows reports whether what o was shown, if anything, is the key's present value.
func shows(o Op, now version) bool {
	switch {
	case !o.Shown:
		return true
	case len(o.Saw) == 0:
		return now == version{}
	default:
		return now == version{mod: o.Saw[0].Rev, value: o.Saw[0].Value}
	}
}
