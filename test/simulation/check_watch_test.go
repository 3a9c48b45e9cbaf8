package simulation

import "strings"

// watches: each shows exactly the log's events of its keys, in order, from its start
// on, and what it says of being complete is true.
func (v *verdict) watches(ws []watched, tl *timeline) {
	for i := range ws {
		v.watch(&ws[i], tl)
	}
}

func (v *verdict) watch(w *watched, tl *timeline) {
	if w.From == 0 {
		return // it never began
	}
	want := tl.events(w.Prefix, w.From)
	for i, e := range w.Events {
		switch {
		case i >= len(want):
			v.add("a watch of %q on %s from revision %d shows %+v, which the log lacks", w.Prefix, w.Node, w.From, e)
			return
		case e != want[i]:
			v.add("a watch of %q on %s from revision %d shows %+v where the log has %+v", w.Prefix, w.Node, w.From, e, want[i])
			return
		}
	}
	for _, p := range append(w.Progress, progress{len(w.Events), w.Through}) {
		if p.After < len(want) && want[p.After].Rev <= p.Rev {
			v.add("a watch of %q on %s from revision %d was complete up to %d by its own word, but it had not shown %+v", w.Prefix, w.Node, w.From, p.Rev, want[p.After])
			return
		}
	}
}

// events lists what a watch of prefix from revision from on has to show.
func (tl *timeline) events(prefix string, from int64) (out []event) {
	for rev := max(from, 1); rev <= tl.end(); rev++ {
		r := tl.at(rev)
		if !r.Internal() && strings.HasPrefix(string(r.Key), prefix) {
			out = append(out, event{Rev: rev, Key: string(r.Key), Delete: r.Deleted, Version: versionOf(r)})
		}
	}
	return out
}
