package check

// change is an event of the log with what it replaced.
type change struct {
	Event
	prev    int64 // mod revision of the key before; 0: there was no such key
	claimed bool  // by an op that did it, or may have
}

// changes numbers what each event replaced.
func changes(log []Event) []*change {
	mod := map[string]int64{}
	var out []*change
	for _, e := range log {
		out = append(out, &change{Event: e, prev: mod[e.Key]})
		if mod[e.Key] = e.Rev; e.Delete {
			delete(mod, e.Key)
		}
	}
	return out
}

// index finds the changes that an op can have made.
type index map[[3]string][]*change

func indexOf(changes []*change) index {
	x := index{}
	for _, c := range changes {
		k := identity(c.Delete, c.Key, c.Value)
		x[k] = append(x[k], c)
	}
	return x
}

func identity(del bool, key, value string) [3]string {
	if del {
		return [3]string{"delete", key}
	}
	return [3]string{"put", key, value}
}

// of returns the changes that o can have made: those of its key and value whose
// condition held, if they are at the revision that o was told.
func (x index) of(o Op) (out []*change) {
	for _, c := range x[identity(o.Kind == Delete, o.Key, o.Value)] {
		if (o.If == Always || o.If == c.prev) && (o.Outcome != Done || o.Rev == c.Rev) {
			out = append(out, c)
		}
	}
	return out
}

// writes: acknowledged writes are there once, at the acknowledged revision; refused
// ones are not there; those in doubt are there at most once; and nobody else wrote.
func (v *verdict) writes(ops []Op, log []Event) {
	all := changes(log)
	x := indexOf(all)
	acked := map[int64]Op{}
	values := map[[2]string]Op{}
	for _, o := range ops {
		if !o.Write() {
			continue
		}
		if o.Kind == Put {
			if other, ok := values[[2]string{o.Key, o.Value}]; ok {
				v.add("the clients are at fault: %v writes the same as %v", o, other)
			}
			values[[2]string{o.Key, o.Value}] = o
			v.once(o, x[identity(false, o.Key, o.Value)])
		}
		found := x.of(o)
		if o.Outcome == Done && len(found) == 0 {
			v.add("%v was acknowledged and is lost", o)
		}
		if o.Outcome != Refused {
			for _, c := range found {
				c.claimed = true
			}
		}
		if o.Outcome == Done {
			if other, ok := acked[o.Rev]; ok {
				v.add("revision %d was acknowledged twice: %v, %v", o.Rev, other, o)
			}
			acked[o.Rev] = o
		}
	}
	for _, c := range all {
		if !c.claimed {
			v.add("nobody is known to have made %+v", c.Event)
		}
	}
}

// once judges where the value of a put turned up.
func (v *verdict) once(o Op, at []*change) {
	switch {
	case len(at) > 1:
		v.add("%v happened %d times, first at revisions %d and %d", o, len(at), at[0].Rev, at[1].Rev)
	case len(at) == 0:
	case o.Outcome == Refused:
		v.add("%v was refused and happened all the same, at revision %d", o, at[0].Rev)
	case o.Outcome == Done && at[0].Rev != o.Rev:
		v.add("%v happened at revision %d", o, at[0].Rev)
	case o.If != Always && at[0].prev != o.If:
		v.add("%v happened though the key's mod revision was %d, not %d", o, at[0].prev, o.If)
	}
}
