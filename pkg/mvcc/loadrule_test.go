package mvcc

import (
	"errors"
	"testing"

	"github.com/netsy-io/netsy/pkg/record"
)

// places are where the records of the exhaustive test can be: three revisions with three
// subs each, in two epochs or none.
func places() (all []record.Record) {
	for e := record.Epoch(0); e <= 2; e++ {
		for rev := record.Revision(1); rev <= 3; rev++ {
			for sub := range int32(3) {
				all = append(all, record.Record{Epoch: e, Revision: rev, Sub: sub})
			}
		}
	}
	return all
}

// TestLoadOrder takes all sequences of up to three records and every last position and
// purged revision, and compares with the rule said in another way.
func TestLoadOrder(t *testing.T) {
	all := places()
	judged, accepted := 0, 0
	var try func(seq []record.Record)
	try = func(seq []record.Record) {
		var o loadOrder
		for i := range seq {
			before := o
			err := o.add(&seq[i])
			if want := i == 0 || inOrder(&seq[i-1], &seq[i]); (err == nil) != want {
				t.Fatalf("%v: record %d: %v", seq, i, err)
			}
			if err != nil {
				if o != before || !errors.As(err, new(*OrderError)) {
					t.Fatalf("%v: %v, %+v became %+v", seq, err, before, o)
				}
				return
			}
		}
		for purged := record.Revision(-1); purged <= 4; purged++ {
			for e := range record.Epoch(3) {
				for rev := range record.Revision(5) {
					last := record.Pos{Epoch: e, Revision: rev}
					err := o.end(last, purged)
					if (err == nil) != sound(seq, last, purged) {
						t.Fatalf("%v, last %v, purged %d: %v", seq, last, purged, err)
					}
					if judged++; err == nil {
						accepted++
					}
				}
			}
		}
		if len(seq) == 3 {
			return
		}
		for _, r := range all {
			try(append(seq[:len(seq):len(seq)], r))
		}
	}
	try(nil)
	if judged < 10000 || accepted < 300 {
		t.Fatalf("%d judged, %d accepted", judged, accepted)
	}
}

func inOrder(a, b *record.Record) bool {
	if a.Revision == b.Revision {
		return a.Epoch == b.Epoch && a.Sub < b.Sub
	}
	return a.Revision < b.Revision && a.Epoch <= b.Epoch
}

// sound: the records end at last, and above purged each revision is there with all its subs.
func sound(seq []record.Record, last record.Pos, purged record.Revision) bool {
	if len(seq) == 0 || seq[len(seq)-1].Pos() != last || purged < 0 || purged >= last.Revision {
		return false
	}
	for rev := purged + 1; rev <= last.Revision; rev++ {
		var subs []int32
		for i := range seq {
			if seq[i].Revision == rev {
				subs = append(subs, seq[i].Sub)
			}
		}
		if len(subs) == 0 {
			return false
		}
		for i, sub := range subs {
			if sub != int32(i) {
				return false
			}
		}
	}
	return true
}

// TestLoadedState: a load leaves promises alone and never lowers the compaction revision.
func TestLoadedState(t *testing.T) {
	last := record.Pos{Epoch: 4, Revision: 20}
	for _, c := range []struct{ compact, purged, want record.Revision }{
		{0, 0, 0}, {0, 9, 10}, {5, 9, 10}, {10, 9, 10}, {15, 9, 15}, {7, 0, 7},
	} {
		before := durable{promised: 6, served: 5, tail: record.Pos{Epoch: 3, Revision: 40}, compact: c.compact, purged: 3,
			logged: loggedPos{first: 30, pos: record.Pos{Epoch: 3, Revision: 35}}}
		want := durable{promised: 6, served: 5, tail: last, compact: c.want, purged: c.purged, logged: loggedPos{first: 20, pos: last}}
		if got := loaded(before, last, c.purged); got != want {
			t.Errorf("%+v, want %+v", got, want)
		}
	}
}
