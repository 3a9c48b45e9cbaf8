package snapshot

import (
	"errors"
	"testing"

	"github.com/netsy-io/netsy/pkg/datafile"
	"github.com/netsy-io/netsy/pkg/record"
)

// TestKeysFollow changes each field of what a Primary would have written next.
func TestKeysFollow(t *testing.T) {
	h := newHistory(1).put("a", "1").put("a", "2").del("a").put("a", "3").put("a", "4")
	for n := range h.recs {
		for name, change := range map[string]func(r *record.Record){
			"":                func(r *record.Record) {},
			"created":         func(r *record.Record) { r.Created = !r.Created },
			"version":         func(r *record.Record) { r.Version++ },
			"create_revision": func(r *record.Record) { r.CreateRevision++ },
			"prev_revision":   func(r *record.Record) { r.PrevRevision++ },
			"deleted":         func(r *record.Record) { r.Deleted = !r.Deleted },
		} {
			k := newKeys(0)
			for i := range n {
				if err := k.follow(&h.recs[i]); err != nil {
					t.Fatal(err)
				}
			}
			r := h.recs[n]
			change(&r)
			err := k.follow(&r)
			if name == "" && err != nil || name != "" && (!errors.Is(err, ErrInconsistent) || !errors.Is(err, datafile.ErrCorrupt)) {
				t.Errorf("record %d, %q changed: %v", n, name, err)
			}
			r.Epoch = 0 // other writers may count otherwise
			if k := newKeys(0); k.follow(&r) != nil {
				t.Errorf("record %d, %q changed, without an epoch: refused", n, name)
			}
		}
	}
}

func TestStatesHaveKeysOnce(t *testing.T) {
	for _, epoch := range []record.Epoch{0, 1} {
		k := newKeys(5)
		for rev, want := range map[record.Revision]error{5: ErrInconsistent} {
			first := record.Record{Revision: 3, Epoch: epoch, Key: []byte("a"), Version: 7, CreateRevision: 1, PrevRevision: 2}
			if err := k.follow(&first); err != nil {
				t.Fatal(err)
			}
			next := record.Record{Revision: rev, Epoch: epoch, Key: []byte("a"), Version: 8, CreateRevision: 1, PrevRevision: 3}
			if err := k.follow(&next); !errors.Is(err, want) {
				t.Error(err)
			}
			next.Revision = 6
			if err := k.follow(&next); err != nil {
				t.Error(err)
			}
		}
	}
}
