package netsyctl

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/netsy-io/netsy/pkg/datafile"
	"github.com/netsy-io/netsy/pkg/objectlog"
	"github.com/netsy-io/netsy/pkg/record"
)

func (k *kept) remove(key string) {
	k.t.Helper()
	if err := os.Remove(filepath.Join(k.dir, key)); err != nil {
		k.t.Fatal(err)
	}
}

func (k *kept) write(key string, b []byte) {
	k.t.Helper()
	if err := os.WriteFile(filepath.Join(k.dir, key), b, 0o600); err != nil {
		k.t.Fatal(err)
	}
}

// kinds are the kinds of places and where they begin.
func kinds(slots []shownSlot) string {
	var all []string
	for _, s := range slots {
		x := fmt.Sprintf("%s %d-%d", s.Kind, s.First, s.Last)
		if s.Problem != "" {
			x += "!"
		}
		all = append(all, x)
	}
	return strings.Join(all, ", ")
}

func TestLog(t *testing.T) {
	k := keep(t)
	out, err := split(t, "log", "--config", k.config)
	if err != nil {
		t.Error(err)
	}
	golden(t, "log.txt", out)

	var l shownLog
	whole := "tombstone 1-0, freed 2-7, chunk 8-8, chunk 9-11, chunk 12-12, chunk 13-15, chunk 16-17"
	for _, source := range [][]string{{"--config", k.config}, {"--dir", k.dir}} {
		l = shownLog{}
		if err := splitJSON(t, &l, append([]string{"log", "-o", "json"}, source...)...); err != nil || kinds(l.Slots) != whole || l.Next != 0 || len(l.Snapshots) != 2 {
			t.Errorf("%v: %s", err, kinds(l.Slots))
		}
	}
	// Pages are the same slots, whatever their size.
	for limit := 1; limit <= 7; limit++ {
		var all []string
		from := record.Revision(1)
		for from > 0 {
			var p shownLog
			if err := splitJSON(t, &p, "log", "--dir", k.dir, "-o", "json", "--limit", fmt.Sprint(limit), "--from", fmt.Sprint(from)); err != nil || len(p.Slots) == 0 || len(p.Slots) > limit+1 {
				t.Fatalf("%v: %+v", err, p)
			}
			all, from = append(all, kinds(p.Slots)), p.Next
		}
		if got := strings.Join(all, ", "); got != whole {
			t.Errorf("limit %d: %s", limit, got)
		}
	}
	// A page may begin within a chunk: what is before it isn't known, and isn't missing.
	l = shownLog{}
	if err := splitJSON(t, &l, "log", "--dir", k.dir, "-o", "json", "--from", "10"); err != nil || kinds(l.Slots) != "chunk 12-12, chunk 13-15, chunk 16-17" {
		t.Errorf("%v: %s", err, kinds(l.Slots))
	}
	for _, args := range [][]string{{"--from", "0"}, {"--limit", "0"}, {"--limit", "1000"}, {"more"}} {
		if _, err := split(t, append([]string{"log", "--dir", k.dir}, args...)...); ExitStatus(err) != exitUnjudged {
			t.Errorf("%v: %v", args, err)
		}
	}
}

func TestLogOfDamage(t *testing.T) {
	head := "tombstone 1-0, freed 2-7, "
	for name, c := range map[string]struct {
		do   func(k *kept)
		want string
	}{
		"a gap":              {func(k *kept) { k.remove(objectlog.ChunkKey(13)) }, head + "chunk 8-8, chunk 9-11, chunk 12-12, gap 13-15!, chunk 16-17"},
		"a gap below a snap": {func(k *kept) { k.remove(objectlog.ChunkKey(9)) }, head + "chunk 8-8, gap 9-11!, chunk 12-12, chunk 13-15, chunk 16-17"},
		"no chunks behind": {func(k *kept) {
			k.remove(objectlog.ChunkKey(12))
			k.remove(objectlog.ChunkKey(13))
			k.remove(objectlog.ChunkKey(16))
		}, head + "chunk 8-8, chunk 9-11, gap 12-12!"},
		"a broken header":    {func(k *kept) { k.write(objectlog.ChunkKey(9), []byte("\x05abcdefgh")) }, head + "chunk 8-8, damaged 9-0!, chunk 12-12, chunk 13-15, chunk 16-17"},
		"a broken last":      {func(k *kept) { k.damage(objectlog.ChunkKey(16)) }, head + "chunk 8-8, chunk 9-11, chunk 12-12, chunk 13-15, damaged 16-0!"},
		"a foreign name":     {func(k *kept) { k.write("chunks/x.netsy", nil) }, head + "chunk 8-8, chunk 9-11, chunk 12-12, chunk 13-15, chunk 16-17, foreign 0-0!"},
		"an overlap":         {func(k *kept) { k.write(objectlog.ChunkKey(14), k.bed.Get(objectlog.ChunkKey(16))) }, head + "chunk 8-8, chunk 9-11, chunk 12-12, chunk 13-15, chunk 14-15!, chunk 16-17"},
		"a tombstone":        {func(k *kept) { k.write(objectlog.ChunkKey(12), tombstoneOf(t, k.bed.Get(objectlog.ChunkKey(12)))) }, head + "chunk 8-8, chunk 9-11, tombstone 12-0!, chunk 13-15, chunk 16-17"},
		"a snapshot too far": {func(k *kept) { k.write(objectlog.SnapshotKey(20), nil) }, "tombstone 1-0, freed 2-7, chunk 8-8, chunk 9-11, chunk 12-12, chunk 13-15, chunk 16-17, gap 18-20!"},
		"a misplaced last":   {func(k *kept) { k.write(objectlog.ChunkKey(18), k.bed.Get(objectlog.ChunkKey(16))) }, head + "chunk 8-8, chunk 9-11, chunk 12-12, chunk 13-15, chunk 16-17, damaged 18-0!"},
		"one snapshot":       {func(k *kept) { k.remove(objectlog.SnapshotKey(7)) }, "tombstone 1-0!, chunk 8-8, chunk 9-11, chunk 12-12, chunk 13-15, chunk 16-17"},
	} {
		t.Run(name, func(t *testing.T) {
			k := keep(t)
			c.do(k)
			var l shownLog
			err := splitJSON(t, &l, "log", "--config", k.config, "-o", "json")
			if got := kinds(l.Slots); got != c.want || ExitStatus(err) != exitFailed || !strings.Contains(err.Error(), "see netsyctl verify") {
				t.Errorf("%v: got\n%s\nwant\n%s", err, got, c.want)
			}
		})
	}
}

func tombstoneOf(t *testing.T, chunk []byte) []byte {
	t.Helper()
	h, err := datafile.DecodeHeader(chunk)
	if err == nil {
		chunk, err = datafile.EncodeTombstone(h)
	}
	if err != nil {
		t.Fatal(err)
	}
	return chunk
}

// Of every chain and every set of slots that were lost from it, exactly what is lost is
// reported: above what may have been freed as gaps, below as freed.
func TestChainOfExhaustively(t *testing.T) {
	sizes := []record.Revision{1, 3, 2, 1, 2} // revisions of the chunks
	var chunks []shownSlot
	end := record.Revision(0)
	for _, n := range sizes {
		chunks = append(chunks, shownSlot{Kind: slotChunk, First: end + 1, Records: int64(n), Epoch: 1, Last: end + n})
		end += n
	}
	for lost := range 1 << len(chunks) {
		for freed := record.Revision(0); freed <= end; freed++ {
			var there []shownSlot
			isLost := map[record.Revision]bool{}
			for i, c := range chunks {
				if lost&(1<<i) == 0 {
					there = append(there, c)
					continue
				}
				for r := c.First; r <= c.Last; r++ {
					isLost[r] = true
				}
			}
			// What a header settles isn't read.
			for i := range there {
				if i+1 < len(there) && settled(&there[i], there[i+1].First) {
					there[i].Last = 0
				}
			}
			reported := map[record.Revision]string{}
			for _, s := range chainOf(there, 1, freed, end) {
				if s.Kind == slotChunk && s.Problem != "" {
					t.Fatalf("lost %b freed %d: %+v", lost, freed, s)
				}
				for r := s.First; r <= s.Last && s.Kind != slotChunk; r++ {
					reported[r] = s.Kind
				}
			}
			for r := record.Revision(1); r <= end; r++ {
				want := ""
				switch {
				case isLost[r] && r > freed:
					want = slotGap
				case isLost[r]:
					want = slotFreed
				}
				if got := reported[r]; got != want && (want != slotFreed || r < lastThere(there)) {
					t.Fatalf("lost %b freed %d: revision %d is %q, want %q", lost, freed, r, got, want)
				}
			}
		}
	}
}

// lastThere is where the last slot begins; behind it, what is freed isn't shown.
func lastThere(there []shownSlot) record.Revision {
	if len(there) == 0 {
		return 0
	}
	return there[len(there)-1].First
}

func TestChainOfFaults(t *testing.T) {
	chunk := func(first, last record.Revision, epoch record.Epoch) shownSlot {
		return shownSlot{Kind: slotChunk, First: first, Last: last, Records: int64(last - first + 1), Epoch: epoch}
	}
	for want, slots := range map[string][]shownSlot{
		"chunk 1-4, chunk 3-5!":            {chunk(1, 4, 1), chunk(3, 5, 1)},
		"chunk 1-2, chunk 3-5!":            {chunk(1, 2, 2), chunk(3, 5, 1)},
		"chunk 1-2, chunk 3-5, chunk 6-6!": {chunk(1, 2, 1), chunk(3, 5, 3), chunk(6, 6, 2)},
	} {
		if got := kinds(chainOf(slots, 1, 0, 0)); got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	}
	if got := kinds(chainOf([]shownSlot{chunk(5, 6, 1)}, 1, 2, 0)); got != "freed 1-2, gap 3-4!, chunk 5-6" {
		t.Error(got)
	}
	if got := chainOf(nil, 1, 12, 12); len(got) != 0 { // the snapshot that a cluster begins with
		t.Errorf("%+v", got)
	}
}

func TestLogTail(t *testing.T) {
	k := keep(t)
	for n, want := range map[string]string{
		"1": "chunk 16-17", "3": "chunk 12-12, chunk 13-15, chunk 16-17",
		"999": "tombstone 1-0, freed 2-7, chunk 8-8, chunk 9-11, chunk 12-12, chunk 13-15, chunk 16-17",
	} {
		var l shownLog
		if err := splitJSON(t, &l, "log", "-o", "json", "--dir", k.dir, "--tail", n); err != nil || kinds(l.Slots) != want || l.Next != 0 {
			t.Errorf("--tail %s: %v: %s", n, err, kinds(l.Slots))
		}
	}
	for _, bad := range [][]string{{"--tail", "0"}, {"--tail", "1000"}, {"--tail", "1", "--from", "3"}, {"--tail", "1", "--limit", "3"}} {
		if _, err := split(t, append([]string{"log", "--dir", k.dir}, bad...)...); ExitStatus(err) != exitUnjudged {
			t.Errorf("%v: %v", bad, err)
		}
	}
	if out, err := split(t, "log", "--dir", t.TempDir(), "--tail", "5"); err != nil || strings.Contains(out, "chunk") {
		t.Errorf("%v\n%s", err, out)
	}
}
