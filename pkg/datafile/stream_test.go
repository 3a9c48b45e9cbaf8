package datafile

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"testing"

	"github.com/netsy-io/netsy/pkg/record"
)

// TestMemoryDoesNotGrowWithTheFile writes and reads a million records and looks at the
// heap all along.
func TestMemoryDoesNotGrowWithTheFile(t *testing.T) {
	if testing.Short() {
		t.Skip("a million records")
	}
	const n, every, slack = 1_000_000, 200_000, 48 << 20 // slack: windows and tables of zstd
	base := heap()
	check := func(i int) {
		if i%every == 0 {
			if now := heap(); now > base+slack {
				t.Fatalf("at record %d the heap has grown from %d to %d bytes", i, base, now)
			}
		}
	}
	path := filepath.Join(t.TempDir(), "snapshot.netsy")
	out, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer out.Close()
	buf := bufio.NewWriter(out)
	w := NewWriter(buf, Header{Kind: Snapshot, RecordsCount: n, Epoch: 1})
	rec := record.Record{Epoch: 1, Value: make([]byte, 100), Version: 1}
	for i := range n {
		rec.Revision, rec.Key = record.Revision(i+1), fmt.Appendf(rec.Key[:0], "/registry/pods/%d", i)
		copy(rec.Value, fmt.Sprint(i*7919))
		if err := w.Write(&rec); err != nil {
			t.Fatal(err)
		}
		check(i)
	}
	if _, err := w.Close(); err != nil {
		t.Fatal(err)
	}
	if err := buf.Flush(); err != nil {
		t.Fatal(err)
	}
	if _, err := out.Seek(0, io.SeekStart); err != nil {
		t.Fatal(err)
	}
	r, err := NewReader(out)
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; ; i++ {
		rec, err := r.Next()
		if err == io.EOF && i == n {
			return
		}
		if err != nil || rec.Revision != record.Revision(i+1) {
			t.Fatalf("record %d: %d, %v", i, rec.Revision, err)
		}
		check(i)
	}
}

func heap() uint64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}
