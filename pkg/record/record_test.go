package record

import (
	"math"
	"sort"
	"testing"
	"time"
)

func TestRevisionKeyOrder(t *testing.T) {
	revs := []Revision{0, 1, 9, 10, 99, 1 << 20, 1<<40 + 1, math.MaxInt64}
	var keys []string
	for _, r := range revs {
		k := r.Key()
		got, err := ParseRevisionKey(k)
		if err != nil || got != r || len(k) != 19 {
			t.Errorf("%d: key %q, back %d, %v", r, k, got, err)
		}
		keys = append(keys, k)
	}
	if !sort.StringsAreSorted(keys) {
		t.Errorf("%v: not in the order of the numbers", keys)
	}
}

func TestParseRevisionKeyRefuses(t *testing.T) {
	for _, s := range []string{"", "1", "000000000000000000", "00000000000000000001", "-000000000000000001", "+000000000000000001", "000000000000000000x", "9999999999999999999"} {
		if r, err := ParseRevisionKey(s); err == nil {
			t.Errorf("%q was taken as %d", s, r)
		}
	}
}

func FuzzParseRevisionKey(f *testing.F) {
	f.Add("0000000000000000001")
	f.Fuzz(func(t *testing.T, s string) {
		if r, err := ParseRevisionKey(s); err == nil && r.Key() != s {
			t.Fatalf("%q parsed as %d, whose key is %q", s, r, r.Key())
		}
	})
}

func TestPosOrder(t *testing.T) {
	// In ascending order: the epoch first, then the revision.
	ps := []Pos{{0, 0}, {0, 9}, {1, 1}, {1, 5}, {2, 3}, {3, 0}}
	for i := range ps {
		for j := range ps {
			if ps[i].Less(ps[j]) != (i < j) {
				t.Errorf("%v < %v is %v", ps[i], ps[j], ps[i].Less(ps[j]))
			}
		}
	}
}

func TestIsReserved(t *testing.T) {
	for key, want := range map[string]bool{
		"_netsy": true, "_netsy/": true, EpochStartKey: true,
		"": false, "_nets": false, "_netsyx": false, "a_netsy": false, "_netsy0": false, "/registry/_netsy": false,
	} {
		if IsReserved([]byte(key)) != want {
			t.Errorf("%q: %v", key, !want)
		}
	}
}

func TestEpochStart(t *testing.T) {
	now := time.Unix(5, 0)
	first := EpochStart(1, 1, "a", KeyState{}, now)
	if !first.Created || first.CreateRevision != 1 || first.PrevRevision != 0 || first.Version != 1 || !first.Internal() {
		t.Errorf("%+v", first)
	}
	next := EpochStart(9, 4, "b", KeyState{CreateRevision: 1, ModRevision: 3, Version: 2}, now)
	if next.Created || next.CreateRevision != 1 || next.PrevRevision != 3 || next.Version != 3 || next.Pos() != (Pos{4, 9}) {
		t.Errorf("%+v", next)
	}
}
