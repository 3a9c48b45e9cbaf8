package mvcc

import (
	"errors"
	"testing"

	"github.com/netsy-io/netsy/pkg/record"
)

// TestOrderRule goes through all tails, first and second records of a small world
// and compares with the rule said another way: a flat list of allowed successors.
func TestOrderRule(t *testing.T) {
	type rec struct {
		epoch record.Epoch
		rev   record.Revision
		sub   int32
	}
	var all []rec
	for e := record.Epoch(0); e <= 3; e++ {
		for r := record.Revision(0); r <= 4; r++ {
			for s := int32(-1); s <= 2; s++ {
				all = append(all, rec{e, r, s})
			}
		}
	}
	for te := record.Epoch(0); te <= 2; te++ {
		for tr := record.Revision(0); tr <= 2; tr++ {
			tail := record.Pos{Epoch: te, Revision: tr}
			for _, a := range all {
				begins := a.epoch >= 1 && a.epoch >= te && a.rev == tr+1 && a.sub == 0
				check(t, tail, begins, record.Record{Epoch: a.epoch, Revision: a.rev, Sub: a.sub})
				for _, b := range all {
					next := b.epoch >= a.epoch && b.rev == a.rev+1 && b.sub == 0
					same := b.epoch == a.epoch && b.rev == a.rev && b.sub == a.sub+1
					check(t, tail, begins && (next || same),
						record.Record{Epoch: a.epoch, Revision: a.rev, Sub: a.sub}, record.Record{Epoch: b.epoch, Revision: b.rev, Sub: b.sub})
				}
			}
		}
	}
}

func check(t *testing.T, tail record.Pos, want bool, recs ...record.Record) {
	t.Helper()
	err := checkOrder(tail, recs)
	var oe *OrderError
	if (err == nil) != want || (err != nil && !errors.As(err, &oe)) {
		t.Fatalf("after %v: %+v: %v, want ok=%v", tail, recs, err, want)
	}
}
