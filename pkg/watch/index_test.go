package watch

import (
	"fmt"
	"slices"
	"testing"

	"pgregory.net/rapid"
)

var keyGen = rapid.StringMatching(`[abc]{1,3}`)

var spanGen = rapid.Custom(func(t *rapid.T) span {
	key := keyGen.Draw(t, "key")
	end := rapid.OneOf(rapid.Just(""), rapid.Just("\x00"), keyGen).Draw(t, "end")
	s, ok := parseSpan([]byte(key), []byte(end))
	if !ok {
		s = span{lo: key, open: true}
	}
	return s
})

// The index must find what looking at every watch finds, whatever was added and
// removed before, and the tree must stay a treap.
func TestIndexFindsWhatAScanFinds(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var x index
		var all []*watcher
		t.Repeat(map[string]func(*rapid.T){
			"add": func(t *rapid.T) {
				w := &watcher{id: int64(len(all)), span: spanGen.Draw(t, "span")}
				x.add(w)
				all = append(all, w)
			},
			"remove": func(t *rapid.T) {
				if len(all) == 0 {
					t.Skip("empty")
				}
				i := rapid.IntRange(0, len(all)-1).Draw(t, "which")
				x.remove(all[i])
				all = slices.Delete(all, i, i+1)
			},
			"": func(t *rapid.T) {
				checkNode(t, x.ranges.root)
				key := keyGen.Draw(t, "lookup")
				found := map[*watcher]bool{}
				x.match(key, func(w *watcher) {
					if found[w] {
						t.Fatalf("%v found twice", w.span)
					}
					found[w] = true
				})
				for _, w := range all {
					if w.span.contains(key) != found[w] {
						t.Fatalf("%v for %q: found %v", w.span, key, found[w])
					}
					delete(found, w)
				}
				if len(found) > 0 {
					t.Fatal("found a removed watch")
				}
				if len(all) == 0 && (x.ranges.root != nil || len(x.keys) > 0) {
					t.Fatal("empty groups stay behind")
				}
			},
		})
	})
}

func checkNode(t *rapid.T, n *node) {
	if n == nil {
		return
	}
	reach := n.group.span
	for _, c := range []*node{n.left, n.right} {
		if c == nil {
			continue
		}
		checkNode(t, c)
		if c.priority > n.priority {
			t.Fatal("priorities are not a heap")
		}
		if reach.endsBefore(c.reach) {
			reach = c.reach
		}
	}
	if n.reach.open != reach.open || !reach.open && n.reach.hi != reach.hi {
		t.Fatalf("reach is %v, want %v", n.reach, reach)
	}
	if n.left != nil && n.left.group.span.compare(n.group.span) >= 0 ||
		n.right != nil && n.right.group.span.compare(n.group.span) <= 0 {
		t.Fatal("spans are out of order")
	}
}

// Two thousand ranges of which a key is in two: the time must not be that of a scan.
func BenchmarkMatch(b *testing.B) {
	for _, n := range []int{20, 2000, 20000} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			var x index
			for i := range n {
				prefix := fmt.Sprintf("/registry/r%05d/", i)
				s, _ := parseSpan([]byte(prefix), []byte(prefix[:len(prefix)-1]+"0"))
				x.add(&watcher{span: s})
			}
			s, _ := parseSpan([]byte("/registry/"), []byte("/registry0"))
			x.add(&watcher{span: s})
			key := fmt.Sprintf("/registry/r%05d/pod", n/2)
			found := 0
			for b.Loop() {
				x.match(key, func(*watcher) { found++ })
			}
			if found != 2*b.N {
				b.Errorf("found %d, want %d", found, 2*b.N)
			}
		})
	}
}
