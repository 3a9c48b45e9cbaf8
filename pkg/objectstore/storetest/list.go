package storetest

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"

	"github.com/netsy-io/netsy/pkg/objectstore"
)

func (s *suite) list(prefix, after string, limit int) ([]string, bool) {
	s.Helper()
	page, err := s.store.List(s.ctx, prefix, after, limit)
	if err != nil {
		s.Fatal(err)
	}
	var keys []string
	for _, o := range page.Objects {
		keys = append(keys, o.Key)
	}
	return keys, page.More
}

func testList(s *suite) {
	if keys, more := s.list("", "", 0); len(keys) != 0 || more {
		s.Fatalf("an empty store lists %v, more %v", keys, more)
	}
	all := []string{"a/1", "a/2", "a/3/x", "b", "chunks/01", "chunks/02", "chunks/10", "chunks0"}
	for _, k := range all {
		s.put(k, k, objectstore.IfAbsent())
	}
	for _, c := range []struct {
		prefix, after string
		limit         int
		want          string
		more          bool
	}{
		{"", "", 0, strings.Join(all, " "), false},
		{"", "", 8, strings.Join(all, " "), false},
		{"", "", 7, strings.Join(all[:7], " "), true},
		{"", "", 1, "a/1", true},
		{"", "a/1", 1, "a/2", true},
		{"", "a/11", 0, strings.Join(all[1:], " "), false},
		{"", "chunks/10", 0, "chunks0", false},
		{"", "chunks0", 0, "", false},
		{"a", "", 0, "a/1 a/2 a/3/x", false},
		{"a/", "", 0, "a/1 a/2 a/3/x", false},
		{"a/", "a/2", 0, "a/3/x", false},
		{"a/", "a/3", 0, "a/3/x", false},
		{"a/3", "", 0, "a/3/x", false},
		{"a/3/", "a/3/x", 0, "", false},
		{"chunks/", "chunks/01", 1, "chunks/02", true},
		{"chunks/", "chunks/02", 1, "chunks/10", false},
		{"chunks/0", "", 0, "chunks/01 chunks/02", false},
		{"chunks/01", "", 0, "chunks/01", false},
		{"chunks/", "zzz", 0, "", false},
		{"chunks/", "a", 0, "chunks/01 chunks/02 chunks/10", false},
		{"chunks/", "chunks/", 0, "chunks/01 chunks/02 chunks/10", false},
		{"none/", "", 0, "", false},
		{"b/", "", 0, "", false},
		{"b", "", 0, "b", false},
		{"b", "b", 0, "", false},
	} {
		keys, more := s.list(c.prefix, c.after, c.limit)
		if got := strings.Join(keys, " "); got != c.want || more != c.more {
			s.Errorf("list %q after %q limit %d: %q more %v, expected %q more %v", c.prefix, c.after, c.limit, got, more, c.want, c.more)
		}
	}
}

// testListOrder: keys are in the order of their bytes, where directories would
// sort otherwise ("a-b" and "a.b" come before "a/b").
func testListOrder(s *suite) {
	keys := []string{"a/b", "a-b", "a.b", "a_b", "a0", "A", "a-b.c", "z/A", "z/a", "z/_", "z/0/1", "z/0-1", "z/0.1", "z/00"}
	for _, k := range keys {
		s.put(k, k, objectstore.IfAbsent())
	}
	slices.Sort(keys)
	for limit := 1; limit <= len(keys)+1; limit++ {
		var got []string
		for after, more := "", true; more; {
			var page []string
			if page, more = s.list("", after, limit); len(page) == 0 {
				break
			}
			got = append(got, page...)
			after = page[len(page)-1]
		}
		if !slices.Equal(got, keys) {
			s.Fatalf("in pages of %d: %v, expected %v", limit, got, keys)
		}
	}
}

func testListPages(s *suite) {
	var want []string
	for i := range s.o.Many {
		want = append(want, fmt.Sprintf("chunks/%019d.netsy", i*7))
	}
	s.putMany(want)
	page, err := s.store.List(s.ctx, "chunks/", "", 1<<20)
	if err != nil {
		s.Fatal(err)
	}
	if len(page.Objects) > objectstore.MaxPage || page.More != (s.o.Many > len(page.Objects)) {
		s.Fatalf("one page has %d keys, more %v", len(page.Objects), page.More)
	}
	var got []string
	err = objectstore.ListAll(s.ctx, s.store, "chunks/", "", func(o objectstore.Info) error {
		if o.Size != int64(len(o.Key)) || o.Version == "" || o.Modified.IsZero() {
			return fmt.Errorf("listed %+v", o)
		}
		got = append(got, o.Key)
		return nil
	})
	if err != nil {
		s.Fatal(err)
	}
	if !slices.Equal(got, want) {
		s.Fatalf("listed %d keys, expected %d, or in another order", len(got), len(want))
	}
	keys, more := s.list("chunks/", want[len(want)-3], 2)
	if !slices.Equal(keys, want[len(want)-2:]) || more {
		s.Fatalf("the last two are %v, more %v", keys, more)
	}
}

// putMany writes the keys in a random order, several at a time.
func (s *suite) putMany(keys []string) {
	s.Helper()
	keys = slices.Clone(keys)
	rand.Shuffle(len(keys), func(i, j int) { keys[i], keys[j] = keys[j], keys[i] })
	work := make(chan string)
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for k := range work {
				if _, err := s.store.Put(s.ctx, k, []byte(k), objectstore.IfAbsent()); err != nil {
					s.Error(err)
				}
			}
		})
	}
	for _, k := range keys {
		work <- k
	}
	close(work)
	wg.Wait()
	if s.Failed() {
		s.FailNow()
	}
}

func testListAfterDelete(s *suite) {
	for i := range 10 {
		s.put(fmt.Sprintf("d/%d", i), "x", objectstore.IfAbsent())
	}
	for i := range 9 {
		if err := s.store.Delete(s.ctx, fmt.Sprintf("d/%d", i), objectstore.Always()); err != nil {
			s.Fatal(err)
		}
		keys, more := s.list("", "", 1)
		if want := fmt.Sprintf("d/%d", i+1); len(keys) != 1 || keys[0] != want || more != (i < 8) {
			s.Fatalf("after deleting %d: %v, more %v", i, keys, more)
		}
	}
}
