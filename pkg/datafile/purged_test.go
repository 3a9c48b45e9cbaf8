package datafile

import (
	"errors"
	"testing"

	"github.com/netsy-io/netsy/pkg/record"
)

// TestPurgedExhaustively runs all sequences of up to four records of five revisions, two
// subs, tombstones or not, through the rule of reduced snapshots, against the rule said
// otherwise: as a statement about the set of records. The revision up to which history is
// reduced is known from the beginning, as a reader knows it, or at the end alone.
func TestPurgedExhaustively(t *testing.T) {
	var all []record.Record
	for rev := range record.Revision(5) {
		for sub := range int32(2) {
			all = append(all, record.Record{Revision: rev + 1, Sub: sub}, record.Record{Revision: rev + 1, Sub: sub, Deleted: true})
		}
	}
	var accepted, refused int
	var extend func(seq []record.Record)
	extend = func(seq []record.Record) {
		for purged := range record.Revision(7) {
			early, late, want := runPurged(purged, seq, true), runPurged(purged, seq, false), wantPurged(purged, seq)
			if (early == nil) != want || (late == nil) != want {
				t.Fatalf("reduced up to %d, %s: %v, known at the end: %v; want valid = %t", purged, brief(seq), early, late, want)
			}
			if want {
				accepted++
			} else {
				refused++
			}
		}
		if len(seq) == 4 {
			return
		}
		for _, r := range all {
			if last := seq[len(seq)-1]; before(&last, &r) { // the others: TestOrderExhaustively
				extend(append(seq[:len(seq):len(seq)], r))
			}
		}
	}
	for _, r := range all {
		extend([]record.Record{r})
	}
	if accepted == 0 || refused == 0 {
		t.Errorf("%d accepted, %d refused", accepted, refused)
	}
}

func before(r, s *record.Record) bool {
	return r.Revision < s.Revision || r.Revision == s.Revision && r.Sub < s.Sub
}

func runPurged(purged record.Revision, seq []record.Record, early bool) error {
	o := order{kind: Snapshot}
	if early {
		o.purged = purged
	}
	for i := range seq {
		if err := o.add(&seq[i]); err != nil {
			return err
		}
	}
	o.purged = purged
	return o.end()
}

func wantPurged(purged record.Revision, seq []record.Record) bool {
	var there [7]bool // by revision: its first record
	for _, r := range seq {
		if r.Deleted && r.Revision <= purged {
			return false
		}
		there[r.Revision] = there[r.Revision] || r.Sub == 0
	}
	if purged == 0 {
		return true
	}
	last := seq[len(seq)-1].Revision
	for rev := purged + 1; rev <= last; rev++ {
		if !there[rev] {
			return false
		}
	}
	return last > purged
}

func TestPurgedNamesTheDamage(t *testing.T) {
	r := func(rev record.Revision, sub int32) record.Record { return record.Record{Revision: rev, Sub: sub} }
	tombstone := record.Record{Revision: 3, Deleted: true}
	for _, c := range []struct {
		seq  []record.Record
		want error
	}{
		{[]record.Record{r(2, 0), r(5, 0)}, ErrRecordMissing},
		{[]record.Record{r(2, 0), r(4, 0), r(6, 0)}, ErrRecordMissing},
		{[]record.Record{r(4, 1)}, ErrRecordMissing},
		{[]record.Record{r(5, 0)}, ErrRecordMissing},
		{[]record.Record{r(2, 0), r(3, 0)}, ErrRecordMissing},
		{[]record.Record{tombstone, r(4, 0)}, ErrTombstone},
	} {
		for _, early := range []bool{true, false} {
			if err := runPurged(3, c.seq, early); !errors.Is(err, c.want) || !errors.Is(err, ErrCorrupt) {
				t.Errorf("%s: %v, want %v", brief(c.seq), err, c.want)
			}
		}
	}
}
