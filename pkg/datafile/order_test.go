package datafile

import (
	"errors"
	"fmt"
	"testing"

	"github.com/netsy-io/netsy/pkg/record"
)

// TestOrderExhaustively runs all sequences of up to three records of four revisions,
// three subs and three epochs through the rule, against the rule said otherwise: as a
// statement about the whole sequence.
func TestOrderExhaustively(t *testing.T) {
	var all []record.Record
	for rev := range record.Revision(4) {
		for sub := range int32(3) {
			for e := range record.Epoch(3) {
				all = append(all, record.Record{Revision: rev + 1, Sub: sub, Epoch: e})
			}
		}
	}
	var sequences [][]record.Record
	for _, a := range all {
		sequences = append(sequences, []record.Record{a})
		for _, b := range all {
			sequences = append(sequences, []record.Record{a, b})
			for _, c := range all {
				sequences = append(sequences, []record.Record{a, b, c})
			}
		}
	}
	accepted := 0
	for _, kind := range []Kind{Snapshot, Chunk} {
		for header := range record.Epoch(4) {
			for _, seq := range sequences {
				err, want := runOrder(kind, header, seq), wantOrder(kind, header, seq)
				if (err == nil) != want {
					t.Fatalf("%v of epoch %d, %v: %v, want valid = %t", kind, header, brief(seq), err, want)
				}
				if err == nil {
					accepted++
				}
			}
		}
	}
	if accepted == 0 {
		t.Error("nothing was accepted")
	}
}

func runOrder(kind Kind, header record.Epoch, seq []record.Record) error {
	o := order{kind: kind, header: header}
	for i := range seq {
		if err := o.add(&seq[i]); err != nil {
			return err
		}
	}
	return o.end()
}

func wantOrder(kind Kind, header record.Epoch, seq []record.Record) bool {
	for i, r := range seq {
		if r.Epoch > header {
			return false
		}
		if i == 0 {
			if kind == Chunk && r.Sub != 0 {
				return false
			}
			continue
		}
		p := seq[i-1]
		ascends := r.Revision > p.Revision || r.Revision == p.Revision && r.Sub > p.Sub
		contiguous := r.Revision == p.Revision && r.Sub == p.Sub+1 || r.Revision == p.Revision+1 && r.Sub == 0
		if !ascends || kind == Chunk && !contiguous || r.Epoch < p.Epoch {
			return false
		}
	}
	return kind == Chunk || seq[len(seq)-1].Epoch == header
}

func brief(seq []record.Record) string {
	s := ""
	for _, r := range seq {
		s += fmt.Sprintf(" %d/%d@%d", r.Revision, r.Sub, r.Epoch)
	}
	return s
}

func TestOrderNamesTheDamage(t *testing.T) {
	at := func(rev record.Revision, sub int32, e record.Epoch) record.Record {
		return record.Record{Revision: rev, Sub: sub, Epoch: e}
	}
	for _, c := range []struct {
		seq  []record.Record
		want error
	}{
		{[]record.Record{at(5, 0, 1), at(5, 0, 1)}, ErrRecordDuplicated},
		{[]record.Record{at(5, 0, 1), at(4, 0, 1)}, ErrRecordReordered},
		{[]record.Record{at(5, 0, 1), at(5, 1, 1), at(5, 0, 1)}, ErrRecordReordered},
		{[]record.Record{at(5, 0, 1), at(7, 0, 1)}, ErrRecordMissing},
		{[]record.Record{at(5, 0, 1), at(6, 1, 1)}, ErrRecordMissing},
		{[]record.Record{at(5, 0, 1), at(5, 2, 1)}, ErrRecordMissing},
		{[]record.Record{at(5, 1, 1)}, ErrRecordMissing},
		{[]record.Record{at(5, 0, 2), at(6, 0, 1)}, ErrEpoch},
		{[]record.Record{at(5, 0, 4)}, ErrEpoch},
	} {
		if err := runOrder(Chunk, 3, c.seq); !errors.Is(err, c.want) || !errors.Is(err, ErrCorrupt) {
			t.Errorf("%s: %v, want %v", brief(c.seq), err, c.want)
		}
	}
}
