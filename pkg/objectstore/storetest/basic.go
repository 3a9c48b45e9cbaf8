package storetest

import (
	"context"
	"time"

	"github.com/netsy-io/netsy/pkg/objectstore"
)

func testPutGet(s *suite) {
	v := s.put("chunks/0000000000000000001.netsy", "hello", objectstore.IfAbsent())
	s.holds("chunks/0000000000000000001.netsy", "hello", v)
	_, info := s.get("chunks/0000000000000000001.netsy")
	if info.Key != "chunks/0000000000000000001.netsy" || info.Size != 5 {
		s.Fatalf("info is %+v", info)
	}
}

func testMissing(s *suite) {
	s.put("a/b", "x", objectstore.Always())
	for _, key := range []string{"missing", "a/missing", "missing/b", "a/b.c", "a/bb"} {
		s.fails(s.getErr(key), objectstore.ErrNotFound)
		_, err := s.store.GetRange(s.ctx, key, 0, 1)
		s.fails(err, objectstore.ErrNotFound)
		_, err = s.store.GetRange(s.ctx, key, 0, 0)
		s.fails(err, objectstore.ErrNotFound)
		_, err = s.store.Stat(s.ctx, key)
		s.fails(err, objectstore.ErrNotFound)
		if err := s.store.Delete(s.ctx, key, objectstore.Always()); err != nil {
			s.Fatalf("delete of a missing object: %v", err)
		}
	}
	s.fails(s.getErr("a"), objectstore.ErrNotFound) // no object, though others are below it
}

func testEmptyObject(s *suite) {
	v := s.put("empty", "", objectstore.IfAbsent())
	s.holds("empty", "", v)
	if b, info := s.rangeOf("empty", 0, -1); b != "" || info.Size != 0 || info.Version != v {
		s.Fatalf("range of an empty object: %q %+v", b, info)
	}
	s.fails(s.putErr("empty", "x", objectstore.IfAbsent()), objectstore.ErrPreconditionFailed)
}

func testIfAbsent(s *suite) {
	v := s.put("k", "first", objectstore.IfAbsent())
	s.fails(s.putErr("k", "second", objectstore.IfAbsent()), objectstore.ErrPreconditionFailed)
	s.fails(s.putErr("k", "first", objectstore.IfAbsent()), objectstore.ErrPreconditionFailed)
	s.holds("k", "first", v)
	if err := s.store.Delete(s.ctx, "k", objectstore.Always()); err != nil {
		s.Fatal(err)
	}
	v = s.put("k", "third", objectstore.IfAbsent())
	s.holds("k", "third", v)
}

func testIfMatch(s *suite) {
	v1 := s.put("k", "one", objectstore.IfAbsent())
	v2 := s.put("k", "two", objectstore.IfMatch(v1))
	s.fails(s.putErr("k", "stale", objectstore.IfMatch(v1)), objectstore.ErrPreconditionFailed)
	s.holds("k", "two", v2)
	v3 := s.put("k", "three", objectstore.IfMatch(v2))
	s.holds("k", "three", v3)
	s.fails(s.putErr("k", "foreign", objectstore.IfMatch(`"0123456789abcdef0123456789abcdef"`)), objectstore.ErrPreconditionFailed)
	s.fails(s.putErr("k", "foreign", objectstore.IfMatch("17")), objectstore.ErrPreconditionFailed)
	s.holds("k", "three", v3)
}

func testIfMatchMissing(s *suite) {
	v := s.put("k", "one", objectstore.IfAbsent())
	s.fails(s.putErr("other", "x", objectstore.IfMatch(v)), objectstore.ErrPreconditionFailed)
	s.fails(s.getErr("other"), objectstore.ErrNotFound)
	if err := s.store.Delete(s.ctx, "k", objectstore.IfMatch(v)); err != nil {
		s.Fatal(err)
	}
	s.fails(s.putErr("k", "x", objectstore.IfMatch(v)), objectstore.ErrPreconditionFailed)
	s.fails(s.getErr("k"), objectstore.ErrNotFound)
}

func testAlways(s *suite) {
	s.put("k", "one", objectstore.Always())
	v := s.put("k", "two", objectstore.Always())
	s.holds("k", "two", v)
}

func testDeleteConditions(s *suite) {
	v1 := s.put("k", "one", objectstore.IfAbsent())
	v2 := s.put("k", "two", objectstore.IfMatch(v1))
	s.fails(s.store.Delete(s.ctx, "k", objectstore.IfMatch(v1)), objectstore.ErrPreconditionFailed)
	s.holds("k", "two", v2)
	if err := s.store.Delete(s.ctx, "k", objectstore.IfMatch(v2)); err != nil {
		s.Fatal(err)
	}
	s.fails(s.getErr("k"), objectstore.ErrNotFound)
	s.fails(s.store.Delete(s.ctx, "k", objectstore.IfMatch(v2)), objectstore.ErrPreconditionFailed)
	if err := s.store.Delete(s.ctx, "k", objectstore.Always()); err != nil {
		s.Fatal(err)
	}
}

// testVersionsDiffer: no version comes back, not for equal bytes, not after a deletion.
func testVersionsDiffer(s *suite) {
	if s.o.ContentVersions {
		s.Skip("this backend's versions are content hashes; callers make every version's bytes differ")
	}
	seen := map[objectstore.Version]bool{}
	v := s.put("k", "same", objectstore.IfAbsent())
	for i := range 20 {
		if seen[v] {
			s.Fatalf("version %s came back", v)
		}
		seen[v] = true
		if i%4 == 3 {
			if err := s.store.Delete(s.ctx, "k", objectstore.IfMatch(v)); err != nil {
				s.Fatal(err)
			}
			v = s.put("k", "same", objectstore.IfAbsent())
			continue
		}
		v = s.put("k", "same", objectstore.IfMatch(v))
	}
}

// testVersionsAgree: every way to learn a version gives the same.
func testVersionsAgree(s *suite) {
	v := s.put("dir/k", "body", objectstore.IfAbsent())
	_, got := s.get("dir/k")
	_, ranged := s.rangeOf("dir/k", 1, 2)
	stat, err := s.store.Stat(s.ctx, "dir/k")
	if err != nil {
		s.Fatal(err)
	}
	page, err := s.store.List(s.ctx, "dir/", "", 0)
	if err != nil || len(page.Objects) != 1 {
		s.Fatalf("list: %+v, %v", page, err)
	}
	for how, info := range map[string]objectstore.Info{"get": got, "range": ranged, "stat": stat, "list": page.Objects[0]} {
		if info.Version != v || info.Size != 4 || info.Key != "dir/k" {
			s.Errorf("%s: %+v, expected version %s, size 4", how, info, v)
		}
	}
	s.put("dir/k", "next", objectstore.IfMatch(page.Objects[0].Version))
}

func testModified(s *suite) {
	s.put("k", "x", objectstore.Always())
	_, info := s.get("k")
	// The store's clock is not ours: a day is enough to catch a missing or garbled time.
	if d := time.Since(info.Modified); d > 24*time.Hour || d < -24*time.Hour {
		s.Fatalf("modified %v", info.Modified)
	}
}

func testBadArguments(s *suite) {
	for _, key := range []string{"", "/", "/a", "a/", "a//b", ".", "..", "a/../b", "a/./b", "../a", "a b", "a\x00", "ä", "a?", "~lock", string(make([]byte, 600))} {
		s.fails(s.getErr(key), objectstore.ErrPermanent)
		s.fails(s.putErr(key, "x", objectstore.Always()), objectstore.ErrPermanent)
		s.fails(s.store.Delete(s.ctx, key, objectstore.Always()), objectstore.ErrPermanent)
		_, err := s.store.Stat(s.ctx, key)
		s.fails(err, objectstore.ErrPermanent)
	}
	v := s.put("k", "x", objectstore.IfAbsent())
	s.fails(s.putErr("k", "y", objectstore.IfMatch("")), objectstore.ErrPermanent)
	s.fails(s.store.Delete(s.ctx, "k", objectstore.IfMatch("")), objectstore.ErrPermanent)
	s.fails(s.store.Delete(s.ctx, "k", objectstore.IfAbsent()), objectstore.ErrPermanent)
	_, err := s.store.GetRange(s.ctx, "k", -1, 1)
	s.fails(err, objectstore.ErrPermanent)
	_, err = s.store.List(s.ctx, "a b", "", 0)
	s.fails(err, objectstore.ErrPermanent)
	s.holds("k", "x", v)
}

// testCancelled: a caller that has gone gets an error that says that nothing was done.
func testCancelled(s *suite) {
	v := s.put("k", "x", objectstore.IfAbsent())
	live := s.ctx
	ctx, cancel := context.WithCancel(live)
	cancel()
	s.ctx = ctx
	s.fails(s.getErr("k"), objectstore.ErrUnavailable)
	s.fails(s.putErr("k", "y", objectstore.Always()), objectstore.ErrUnavailable)
	s.fails(s.putErr("other", "y", objectstore.IfAbsent()), objectstore.ErrUnavailable)
	s.fails(s.store.Delete(s.ctx, "k", objectstore.Always()), objectstore.ErrUnavailable)
	_, err := s.store.List(s.ctx, "", "", 0)
	s.fails(err, objectstore.ErrUnavailable)
	_, err = s.store.Stat(s.ctx, "k")
	s.fails(err, objectstore.ErrUnavailable)
	s.ctx = live
	s.holds("k", "x", v)
	s.fails(s.getErr("other"), objectstore.ErrNotFound)
}

func testProbe(s *suite) {
	if err := objectstore.Probe(s.ctx, s.store); err != nil {
		s.Fatal(err)
	}
	page, err := s.store.List(s.ctx, "", "", 0)
	if err != nil || len(page.Objects) != 0 {
		s.Fatalf("after the probe there are %+v, %v", page.Objects, err)
	}
}
