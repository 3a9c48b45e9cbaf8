package objectlog

import (
	"errors"
	"testing"

	"github.com/netsy-io/netsy/pkg/datafile"
	"github.com/netsy-io/netsy/pkg/record"
)

// TestChainExhaustively offers every small chunk to every small chain.
func TestChainExhaustively(t *testing.T) {
	for next := record.Revision(1); next < 5; next++ {
		for last := range record.Epoch(4) {
			for first := record.Revision(1); first < 6; first++ {
				for n := 1; n < 4; n++ {
					for e := range record.Epoch(4) {
						for header := e; header < 5; header++ {
							tryChain(t, next, last, first, n, e, header)
						}
					}
				}
			}
		}
	}
}

func tryChain(t *testing.T, next record.Revision, last record.Epoch, first record.Revision, n int, e, header record.Epoch) {
	t.Helper()
	before := chain{next: next, end: End{Last: record.Pos{Epoch: last, Revision: next - 1}, HeaderEpoch: last}}
	c := before
	recs := run(e, first, n)
	ch := &Chunk{Info: infoOf(datafile.Header{Epoch: header}, recs, 0), Records: recs}
	err := c.add(ch)
	var want error
	switch {
	case first > next:
		want = ErrGap
	case first < next:
		want = ErrOverlap
	case e < last:
		want = ErrEpochBack
	}
	if !errors.Is(err, want) || (err == nil) != (want == nil) {
		t.Fatalf("chain at %d of epoch %d, chunk %d+%d of epochs %d/%d: %v, want %v", next, last, first, n, header, e, err, want)
	}
	if err != nil {
		if c != before {
			t.Fatalf("a refused chunk moved the chain to %+v", c)
		}
		return
	}
	if c.next != first+record.Revision(n) || c.end.Last != (record.Pos{Epoch: e, Revision: c.next - 1}) || c.end.HeaderEpoch != max(last, header) || c.end.Chunk != ch.Info {
		t.Fatalf("chain %+v", c)
	}
}

func TestParseKey(t *testing.T) {
	for _, rev := range []record.Revision{1, 42, 1<<63 - 1} {
		if got, err := parseKey(ChunkPrefix, ChunkKey(rev)); got != rev || err != nil {
			t.Errorf("%d: %d, %v", rev, got, err)
		}
		if got, err := parseKey(SnapshotPrefix, SnapshotKey(rev)); got != rev || err != nil {
			t.Errorf("%d: %d, %v", rev, got, err)
		}
	}
	if got, want := ChunkKey(42), "chunks/0000000000000000042.netsy"; got != want {
		t.Errorf("%s, want %s", got, want)
	}
	for _, key := range []string{"", "chunks/", "chunks/42.netsy", "chunks/0000000000000000042", "chunks/0000000000000000042.netsy.bak",
		"chunks/000000000000000004x.netsy", "chunks/+000000000000000042.netsy", "chunks/-000000000000000042.netsy",
		"chunks/9999999999999999999.netsy", "chunks/0000000000000000000.netsy", "chunks/a/0000000000000000042.netsy", SnapshotKey(42)} {
		if rev, err := parseKey(ChunkPrefix, key); !errors.Is(err, ErrForeignKey) {
			t.Errorf("%q: %d, %v", key, rev, err)
		}
	}
}

// FuzzParseKey: what is accepted is exactly what is made.
func FuzzParseKey(f *testing.F) {
	f.Add(ChunkKey(1))
	f.Add("chunks/00000000000000000001.netsy")
	f.Fuzz(func(t *testing.T, key string) {
		if rev, err := parseKey(ChunkPrefix, key); err == nil && ChunkKey(rev) != key {
			t.Errorf("%q is taken for %d", key, rev)
		}
	})
}
