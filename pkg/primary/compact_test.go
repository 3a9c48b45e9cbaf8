package primary

import (
	"testing"
	"time"

	"github.com/netsy-io/netsy/pkg/record"
)

func TestCompactionTarget(t *testing.T) {
	t0 := time.Unix(0, 0)
	at := func(min int, rev record.Revision) mark { return mark{t0.Add(time.Duration(min) * time.Minute), rev} }
	for _, c := range []struct {
		name      string
		marks     []mark
		now       int
		needed    record.Revision
		anyNeeded bool
		want      record.Revision
		left      int
	}{
		{"nothing old enough", []mark{at(0, 10)}, 4, 0, false, 0, 1},
		{"exactly a window ago", []mark{at(0, 10)}, 5, 0, false, 10, 1},
		{"the newest that is old enough", []mark{at(0, 10), at(1, 20), at(4, 30)}, 6, 0, false, 20, 2},
		{"a watch needs less", []mark{at(0, 10), at(1, 20)}, 9, 15, true, 14, 1},
		{"a watch needs exactly the next", []mark{at(0, 10)}, 9, 11, true, 10, 1},
		{"a watch needs everything", []mark{at(0, 10)}, 9, 0, true, 0, 1},
	} {
		got, left := compactionTarget(c.marks, t0.Add(time.Duration(c.now)*time.Minute), 5*time.Minute, c.needed, c.anyNeeded)
		if got != c.want || len(left) != c.left {
			t.Errorf("%s: target %d, %d marks left; want %d, %d", c.name, got, len(left), c.want, c.left)
		}
	}
}
