package simulation

import (
	"math"
	"time"

	"github.com/anishathalye/porcupine"
)

// linearTimeout bounds the search for one world, in real time. A history that needs
// longer is not judged here; order judges it anyhow.
const linearTimeout = 10 * time.Second

// linear: each key by itself is linearizable, by what clients saw alone: neither the
// log nor the revisions in headers are believed. An operation in doubt may have
// happened at any time after it was called, or never.
func (v *verdict) linear(ops []op) {
	for key, h := range operations(ops) {
		if porcupine.CheckOperationsTimeout(register.ToModel(), h, linearTimeout) == porcupine.Illegal {
			v.add("what clients saw of %s is not linearizable (%d operations)", key, len(h))
		}
	}
}

// operations groups what bears on one key.
func operations(ops []op) map[string][]porcupine.Operation {
	keys := map[string]bool{}
	for i := range ops {
		if ops[i].Kind != opList {
			keys[ops[i].Key] = true
		}
	}
	out := map[string][]porcupine.Operation{}
	for i := range ops {
		o := &ops[i]
		add := func(key string, seen version) {
			in, ret := *o, o.Return
			in.Key, in.Seen = key, seen
			if o.Outcome == unknown {
				ret = math.MaxInt64
			}
			out[key] = append(out[key], porcupine.Operation{ClientId: o.Client, Input: &in, Call: o.Call, Return: ret})
		}
		switch {
		case o.Outcome == refused, o.Outcome == unknown && !o.Kind.write(), o.Kind == opLocalGet:
		case o.Kind == opList:
			for key := range keys {
				add(key, o.List[key])
			}
		default:
			add(o.Key, o.Seen)
		}
	}
	return out
}

// held is a key's state in the model. An update in doubt gets a revision that nobody
// was told: 0 until somebody reads it.
type held struct {
	value string
	mod   int64 // 0 with a value: unknown
}

var register = porcupine.NondeterministicModel{
	Init: func() []any { return []any{held{}} },
	Step: func(state, input, _ any) []any { return step(state.(held), input.(*op)) },
}

func step(s held, o *op) []any {
	absent := s.value == ""
	var holds, fails bool // what the compare may have come to
	switch {
	case o.Kind == opCreate:
		holds, fails = absent, !absent
	case absent:
		fails = true
	case s.mod == 0: // whoever expects a revision here has learned it from a read, which told the model too
		holds, fails = o.Outcome == unknown || o.Applied, true
	default:
		holds, fails = s.mod == o.Expect, s.mod != o.Expect
	}
	next := held{}
	if o.Kind != opDelete {
		next = held{value: o.Value, mod: o.Rev}
	}
	switch {
	case !o.Kind.write() || o.Outcome == done && !o.Applied:
		if (o.Kind.write() && !fails) || s.value != o.Seen.Value || s.mod != 0 && s.mod != o.Seen.Mod {
			return nil
		}
		return []any{held{value: s.value, mod: o.Seen.Mod}}
	case o.Outcome == done && holds:
		return []any{next}
	case o.Outcome == done:
		return nil
	case holds:
		return []any{s, next}
	default:
		return []any{s}
	}
}
