package mvcc

import (
	"testing"

	"go.etcd.io/etcd/api/v3/etcdserverpb"

	"github.com/netsy-io/netsy/pkg/record"
)

func TestPinsKeepTheNewest(t *testing.T) {
	var p pins
	for rev := record.Revision(1); rev <= 3*maxPins; rev++ {
		sn := &Snapshot{rev: rev}
		p.add(sn)
		p.add(&Snapshot{rev: rev}) // the same state again takes no second slot
		for r := record.Revision(1); r <= rev; r++ {
			if kept := p.at(r) != nil; kept != (r > rev-maxPins) {
				t.Fatalf("after %d: %d kept: %v", rev, r, kept)
			}
		}
	}
	p.dropBelow(3*maxPins - 1)
	for r := record.Revision(1); r <= 3*maxPins; r++ {
		if kept := p.at(r) != nil; kept != (r >= 3*maxPins-1) {
			t.Errorf("%d kept: %v", r, kept)
		}
	}
}

// TestLaterPagesComeFromMemory: they are right without SQLite's help, until compaction.
func TestLaterPagesComeFromMemory(t *testing.T) {
	b := begin(t)
	for _, k := range []string{"a", "b", "c"} {
		b.put(t, k, "1")
	}
	first := b.rangeReq(t, &etcdserverpb.RangeRequest{Key: []byte{0}, RangeEnd: []byte{0}, Limit: 2})
	if !first.More || first.Count != 3 {
		t.Fatal(first)
	}
	b.put(t, "c", "2")
	b.del(t, "b")
	if err := b.writer.exec("DELETE FROM records WHERE pos < 5<<20"); err != nil { // SQLite forgets them
		t.Fatal(err)
	}
	page := &etcdserverpb.RangeRequest{Key: []byte("b"), RangeEnd: []byte{0}, Limit: 2, Revision: first.Header.Revision}
	second := b.rangeReq(t, page)
	if second.Count != 2 || second.More || string(second.Kvs[1].Value) != "1" || second.Header.Revision != 6 {
		t.Fatal(second)
	}
	if err := b.Compact(t.Context(), 5); err != nil {
		t.Fatal(err)
	}
	if _, err := b.Range(t.Context(), b.Snapshot(), page); err != ErrCompacted {
		t.Fatal(err)
	}
	if b.pins.at(4) != nil {
		t.Fatal("a compacted snapshot is still held")
	}
}
