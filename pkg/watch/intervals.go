package watch

import "math/rand/v2"

// intervals holds groups by their span and finds those whose span holds a key, in
// O(log n + found) expected: a treap ordered by span, where each node knows the
// furthest end below it (Cormen et al., Introduction to Algorithms, "Interval
// trees"; Seidel and Aragon, Randomized search trees, 1996).
type intervals struct {
	root *node
}

type node struct {
	group       *group
	reach       span // the span with the furthest end of this subtree
	priority    uint64
	left, right *node
}

// get returns the group at exactly s, nil if there is none.
func (t *intervals) get(s span) *group {
	for n := t.root; n != nil; {
		switch c := s.compare(n.group.span); {
		case c == 0:
			return n.group
		case c < 0:
			n = n.left
		default:
			n = n.right
		}
	}
	return nil
}

// insert adds g; its span must not be present.
func (t *intervals) insert(g *group) {
	left, right := split(t.root, g.span)
	n := &node{group: g, priority: rand.Uint64()}
	n.update()
	t.root = merge(merge(left, n), right)
}

// remove takes the group at s out, if there is one.
func (t *intervals) remove(s span) { t.root = remove(t.root, s) }

func remove(n *node, s span) *node {
	if n == nil {
		return nil
	}
	switch c := s.compare(n.group.span); {
	case c == 0:
		return merge(n.left, n.right)
	case c < 0:
		n.left = remove(n.left, s)
	default:
		n.right = remove(n.right, s)
	}
	n.update()
	return n
}

// stab calls fn with each group whose span holds key.
func (t *intervals) stab(key string, fn func(*group)) { t.root.stab(key, fn) }

func (n *node) stab(key string, fn func(*group)) {
	for n != nil && n.reach.below(key) {
		n.left.stab(key, fn)
		if key < n.group.span.lo {
			return // everything to the right starts later still
		}
		if n.group.span.below(key) {
			fn(n.group)
		}
		n = n.right
	}
}

func (n *node) update() {
	n.reach = n.group.span
	for _, c := range [...]*node{n.left, n.right} {
		if c != nil && n.reach.endsBefore(c.reach) {
			n.reach = c.reach
		}
	}
}

func (s span) endsBefore(t span) bool { return !s.open && (t.open || s.hi < t.hi) }

// split parts n into the spans before s and the others.
func split(n *node, s span) (before, others *node) {
	if n == nil {
		return nil, nil
	}
	if n.group.span.compare(s) < 0 {
		n.right, others = split(n.right, s)
		n.update()
		return n, others
	}
	before, n.left = split(n.left, s)
	n.update()
	return before, n
}

// merge joins two trees; every span of a is before every span of b.
func merge(a, b *node) *node {
	switch {
	case a == nil:
		return b
	case b == nil:
		return a
	case a.priority >= b.priority:
		a.right = merge(a.right, b)
		a.update()
		return a
	}
	b.left = merge(a, b.left)
	b.update()
	return b
}
