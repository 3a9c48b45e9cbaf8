package compactor

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/netsy-io/netsy/pkg/datafile"
	"github.com/netsy-io/netsy/pkg/objectlog"
	"github.com/netsy-io/netsy/pkg/objectstore"
	"github.com/netsy-io/netsy/pkg/record"
	"github.com/netsy-io/netsy/pkg/snapshot"
)

// TestDueForALargeBase: the log must come to a quarter of the base, but for the age.
func TestDueForALargeBase(t *testing.T) {
	for size := range int64(20) {
		for base := range int64(40) {
			b := Beyond{Records: 1, Size: size, Age: 1, Base: base}
			worth := 4*size+3 >= base
			if got := (Thresholds{Records: 1}).due(b) != ""; got != worth {
				t.Errorf("records, %d bytes beyond %d: %v", size, base, got)
			}
			if got := (Thresholds{Size: 1}).due(b) != ""; got != (worth && size > 0) {
				t.Errorf("size, %d bytes beyond %d: %v", size, base, got)
			}
			if (Thresholds{Age: 1}).due(b) == "" {
				t.Errorf("age, %d bytes beyond %d", size, base)
			}
		}
	}
}

func TestDue(t *testing.T) {
	values := []int64{0, 1, 5}
	for _, tr := range values {
		for _, ts := range values {
			for _, ta := range values {
				for r := int64(-1); r <= 6; r++ {
					for s := int64(0); s <= 6; s++ {
						for a := int64(0); a <= 6; a++ {
							want := r > 0 && (tr > 0 && r >= tr || ts > 0 && s >= ts || ta > 0 && a >= ta)
							got := Thresholds{tr, ts, time.Duration(ta)}.due(Beyond{Records: r, Size: s, Age: time.Duration(a)})
							if (got != "") != want {
								t.Fatalf("thresholds %d %d %d, beyond %d %d %d: %q", tr, ts, ta, r, s, a, got)
							}
						}
					}
				}
			}
		}
	}
}

func TestBeginsReign(t *testing.T) {
	for header := record.Epoch(0); header <= 2; header++ {
		for epoch := record.Epoch(0); epoch <= header; epoch++ {
			for _, key := range []string{"k", record.EpochStartKey, "_netsy/other"} {
				got := beginsReign(&datafile.Header{Epoch: header}, &record.Record{Epoch: epoch, Key: []byte(key)})
				if want := epoch < header || key == record.EpochStartKey; got != want {
					t.Errorf("header %d, first record %d %q: %v", header, epoch, key, got)
				}
			}
		}
	}
}

var (
	ruleNow   = time.Date(2001, 1, 1, 0, 0, 0, 0, time.UTC)
	ruleOld   = ruleNow.Add(-retention)
	ruleYoung = ruleOld.Add(1)
)

// What may be in a slot. Slot i of a small world begins at revision 2i+1 and has two
// revisions.
const (
	gone = iota
	tombstone
	plainOld
	plainYoung
	reignOld
	reignYoung
	rewritten // old as listed, written anew before it was read
	kinds
)

// TestFreeChunksExhaustively: all worlds of four slots and three snapshots, against the
// rule said otherwise.
func TestFreeChunksExhaustively(t *testing.T) {
	const slots = 4
	snapshotsAt := []record.Revision{2, 5, 6, 8} // ends of chunks, and the middle of one
	worlds := 0
	for world := range pow(kinds, slots) {
		kind := digits(world, kinds, slots)
		page, known := smallWorld(kind)
		for mask := range pow(3, len(snapshotsAt)) {
			states := digits(mask, 3, len(snapshotsAt))
			var list []judged
			for i, st := range states {
				list = append(list, judged{snapshot.Listed{Revision: snapshotsAt[i], Modified: ruleOld}, state(st)})
			}
			l := limits{second: secondSound(list), now: ruleNow, retention: retention, keep: 2}
			got := map[string]Action{}
			for _, s := range l.freeChunks(page, known) {
				got[s.Key] = s.Action
			}
			for i, k := range kind {
				if want := wanted(i, kind, list); got[objectlog.ChunkKey(record.Revision(2*i+1))] != want {
					t.Fatalf("slots %v, snapshots %v: slot %d: %q, expected %q", kind, states, i, got[objectlog.ChunkKey(record.Revision(2*i+1))], want)
				}
				_ = k
			}
			worlds++
		}
	}
	t.Log(worlds, "worlds")
}

// wanted is what must happen to a slot: its two revisions are in two snapshots known to be
// sound, something is listed behind it, and it is old.
func wanted(i int, kind []int, list []judged) Action {
	holders := 0
	for _, s := range list {
		if s.state == sound && s.Revision >= record.Revision(2*i+2) {
			holders++
		}
	}
	next := -1 // the next slot listed
	for j := i + 1; j < len(kind) && next < 0; j++ {
		if kind[j] != gone {
			next = j
		}
	}
	// Slots that are gone between this one and the next were freed, so two sound snapshots
	// held them once. Only if they don't now does the listing make it look longer.
	atNext := 0
	for _, s := range list {
		if next > 0 && s.state == sound && s.Revision >= record.Revision(2*next) {
			atNext++
		}
	}
	switch {
	case holders < 2, next < 0, atNext < 2:
		return ""
	case kind[i] == plainOld:
		return DeleteChunk
	case kind[i] == reignOld:
		return Tombstone
	}
	return ""
}

func smallWorld(kind []int) (page []slot, known map[record.Revision]facts) {
	known = map[record.Revision]facts{}
	for i, k := range kind {
		if k == gone {
			continue
		}
		first := record.Revision(2*i + 1)
		if n := len(page); n > 0 {
			page[n-1].next = first
		}
		info := objectstore.Info{Key: objectlog.ChunkKey(first), Modified: ruleOld, Version: "v1"}
		if k == plainYoung || k == reignYoung {
			info.Modified = ruleYoung
		}
		page = append(page, slot{first: first, info: info})
		f := facts{info: info, header: datafile.Header{Kind: datafile.Chunk, RecordsCount: 2}, beginsReign: k == reignOld || k == reignYoung}
		if k == rewritten {
			f.info.Modified, f.info.Version = ruleYoung, "v2"
		}
		if k == tombstone {
			f.header.RecordsCount = 0
		}
		known[first] = f
	}
	return page, known
}

// TestFreeSnapshotsExhaustively: all worlds of five snapshots.
func TestFreeSnapshotsExhaustively(t *testing.T) {
	const n = 5
	for world := range pow(6, n) {
		var list []judged
		for i, d := range digits(world, 6, n) {
			modified := ruleOld
			if d >= 3 {
				modified = ruleYoung
			}
			list = append(list, judged{snapshot.Listed{Revision: record.Revision(i + 1), Modified: modified, Version: "v"}, state(d % 3)})
		}
		for keep := range 5 {
			l := limits{second: secondSound(list), now: ruleNow, retention: retention, keep: keep}
			var got []record.Revision
			for _, s := range l.freeSnapshots(list) {
				for _, j := range list {
					if objectlog.SnapshotKey(j.Revision) == s.Key {
						got = append(got, j.Revision)
					}
				}
			}
			if want := wantedSnapshots(list, keep); !slices.Equal(got, want) {
				t.Fatalf("%s keep %d: deletes %v, expected %v", show(list), keep, got, want)
			}
		}
	}
}

func wantedSnapshots(list []judged, keep int) (want []record.Revision) {
	for i, s := range list {
		soundAbove, usableAbove := 0, 0
		for _, o := range list[i+1:] {
			if o.state == sound {
				soundAbove++
			}
			if o.state != corrupt {
				usableAbove++
			}
		}
		if soundAbove >= 2 && s.Modified == ruleOld && (s.state == corrupt || usableAbove >= keep) {
			want = append(want, s.Revision)
		}
	}
	return want
}

func show(list []judged) (s string) {
	for _, j := range list {
		s += fmt.Sprintf("%d:%d(%v) ", j.Revision, j.state, j.Modified == ruleOld)
	}
	return s
}

// No time is known: nothing is old. No sound snapshots: nothing is superseded.
func TestLimitsAtTheirEdges(t *testing.T) {
	page, known := smallWorld([]int{plainOld, plainOld, plainOld})
	for _, l := range []limits{
		{second: 100, retention: retention},
		{now: ruleNow, retention: retention},
		{second: 1, now: ruleNow, retention: retention},
	} {
		if steps := l.freeChunks(page, known); len(steps) > 0 {
			t.Errorf("%+v frees %v", l, steps)
		}
	}
}

func pow(base, n int) int {
	p := 1
	for range n {
		p *= base
	}
	return p
}

func digits(x, base, n int) []int {
	d := make([]int, n)
	for i := range d {
		d[i], x = x%base, x/base
	}
	return d
}
