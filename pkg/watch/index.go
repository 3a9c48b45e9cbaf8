package watch

// group is the watches on one and the same span.
type group struct {
	span     span
	watchers []*watcher
}

// index finds the watches that an event concerns without looking at the others:
// by a map for watches on one key, by an interval tree for ranges.
type index struct {
	keys   map[string]*group
	ranges intervals
}

func (x *index) add(w *watcher) {
	g := x.group(w.span)
	if g == nil {
		g = &group{span: w.span}
		x.insert(g)
	}
	w.pos = len(g.watchers)
	g.watchers = append(g.watchers, w)
}

func (x *index) remove(w *watcher) {
	g := x.group(w.span)
	last := len(g.watchers) - 1
	g.watchers[w.pos] = g.watchers[last]
	g.watchers[w.pos].pos = w.pos
	g.watchers[last] = nil
	g.watchers = g.watchers[:last]
	if last > 0 {
		return
	}
	if w.span.single() {
		delete(x.keys, w.span.lo)
		return
	}
	x.ranges.remove(w.span)
}

// match calls fn with each watch on key.
func (x *index) match(key string, fn func(*watcher)) {
	each := func(g *group) {
		for _, w := range g.watchers {
			fn(w)
		}
	}
	if g := x.keys[key]; g != nil {
		each(g)
	}
	x.ranges.stab(key, each)
}

func (x *index) group(s span) *group {
	if s.single() {
		return x.keys[s.lo]
	}
	return x.ranges.get(s)
}

func (x *index) insert(g *group) {
	if !g.span.single() {
		x.ranges.insert(g)
		return
	}
	if x.keys == nil {
		x.keys = map[string]*group{}
	}
	x.keys[g.span.lo] = g
}
