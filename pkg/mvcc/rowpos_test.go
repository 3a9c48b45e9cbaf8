package mvcc

import (
	"testing"

	"github.com/netsy-io/netsy/pkg/record"
)

func TestPackPosIsExactAndOrdered(t *testing.T) {
	revs := []record.Revision{1, 2, 3, 1 << 20, 1<<20 + 1, 1<<32 - 1, 1 << 32, maxRevision - 1, maxRevision}
	subs := []int32{0, 1, 2, 1000, maxSub - 1, maxSub}
	last := rowPos(0)
	for _, rev := range revs {
		if firstOf(rev) <= last {
			t.Fatalf("firstOf(%d) is not above all before", rev)
		}
		for _, sub := range subs {
			p, err := packPos(rev, sub)
			if err != nil {
				t.Fatal(err)
			}
			if p <= last || p.revision() != rev || p.sub() != sub {
				t.Fatalf("%d.%d became %d = %d.%d after %d", rev, sub, p, p.revision(), p.sub(), last)
			}
			if p < firstOf(rev) || p > lastOf(rev) || p*2+1 < 0 {
				t.Fatalf("%d.%d is outside its revision's bounds", rev, sub)
			}
			last = p
		}
		if lastOf(rev) != last {
			t.Fatalf("lastOf(%d) = %d, want %d", rev, lastOf(rev), last)
		}
	}
}

func TestPackPosRefusesWhatDoesNotFit(t *testing.T) {
	for _, c := range []struct {
		rev record.Revision
		sub int32
	}{{0, 0}, {-1, 0}, {maxRevision + 1, 0}, {1<<63 - 1, 0}, {1, -1}, {1, maxSub + 1}, {1, 1<<31 - 1}} {
		if p, err := packPos(c.rev, c.sub); err == nil {
			t.Errorf("packPos(%d, %d) = %d", c.rev, c.sub, p)
		}
	}
}

func TestPosBoundsClamp(t *testing.T) {
	top := lastOf(maxRevision)
	for _, c := range []struct {
		rev         record.Revision
		first, last rowPos
	}{
		{-1 << 63, 0, 0}, {0, 0, 0}, {1, 1 << 20, 2<<20 - 1}, {maxRevision + 1, top + 1, top}, {1<<63 - 1, top + 1, top},
	} {
		if f, l := firstOf(c.rev), lastOf(c.rev); f != c.first || l != c.last {
			t.Errorf("bounds of %d: %d..%d, want %d..%d", c.rev, f, l, c.first, c.last)
		}
	}
}
