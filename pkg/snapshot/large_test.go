package snapshot

import (
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime/debug"
	"strings"
	"testing"
	"time"

	"github.com/netsy-io/netsy/pkg/datafile"
	"github.com/netsy-io/netsy/pkg/objectlog"
	"github.com/netsy-io/netsy/pkg/objectstore"
	"github.com/netsy-io/netsy/pkg/objectstore/file"
	"github.com/netsy-io/netsy/pkg/record"
)

var (
	large        = flag.Bool("large", false, "merge a snapshot of large.keys with a log of large.records and report time and memory; takes minutes and gigabytes of disk")
	largeKeys    = flag.Int("large.keys", 1_000_000, "keys of the snapshot, with values of 1 KiB")
	largeRecords = flag.Int("large.records", 5_000_000, "records of the log")
	largeDir     = flag.String("large.dir", "", "directory for the bucket and the drafts; default: the test's own")
)

// TestLarge measures what a merge, its publication and a reading of the result take:
//
//	go test ./pkg/snapshot -run TestLarge -large -v -timeout 30m
//
// Memory is the peak of what is resident (VmHWM), the runtime's own included.
func TestLarge(t *testing.T) {
	if !*large {
		t.Skip("-large")
	}
	dir := *largeDir
	if dir == "" {
		dir = t.TempDir()
	}
	st, err := file.Open(t.Context(), file.Config{Dir: filepath.Join(dir, "bucket")})
	if err != nil {
		t.Fatal(err)
	}
	s := New(st, Options{Dir: dir})
	end := makeLarge(t, st, s)

	var d *Draft
	var info Info
	measure(t, "merge", func() (err error) {
		d, info, err = s.Merge(t.Context(), objectlog.New(st, objectlog.Options{}), MergeOptions{Base: record.Revision(*largeKeys), Compaction: end - 10_000})
		return err
	})
	defer d.Close()
	t.Logf("%d records, %d MB", info.Records, info.Size>>20)
	measure(t, "publish", func() error {
		_, err := s.Publish(t.Context(), d, nil)
		return err
	})
	measure(t, "verify", func() error {
		_, err := s.Verify(t.Context(), end, nil)
		return err
	})
}

// measure runs fn and logs its time and the peak of memory within it.
func measure(t *testing.T, what string, fn func() error) {
	debug.FreeOSMemory()
	if err := os.WriteFile("/proc/self/clear_refs", []byte("5"), 0); err != nil { // resets the peak
		t.Fatal(err)
	}
	before, began := peak(t), time.Now()
	if err := fn(); err != nil {
		t.Fatalf("%s: %v", what, err)
	}
	t.Logf("%-8s %6.1f s, peak %s, before %s", what, time.Since(began).Seconds(), peak(t), before)
}

func peak(t *testing.T) string {
	b, err := os.ReadFile("/proc/self/status")
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(b)) {
		if rest, ok := strings.CutPrefix(line, "VmHWM:"); ok {
			return strings.TrimSpace(rest)
		}
	}
	return "unknown"
}

// makeLarge fills a bucket: a snapshot that creates each key, and chunks that change them
// in any order.
func makeLarge(t *testing.T, st objectstore.Store, s *Store) (end record.Revision) {
	rng := rand.New(rand.NewPCG(1, 2))
	versions, revs := make([]int64, *largeKeys), make([]record.Revision, *largeKeys)
	value := make([]byte, 1024)
	copy(value, strings.Repeat(`{"kind":"Pod","apiVersion":"v1","metadata":{"namespace":"default"}}`, 20))
	make1 := func(rev record.Revision, key int) record.Record {
		for i := range 256 { // what doesn't repeat
			value[700+i] = byte(rng.Uint32())
		}
		versions[key]++
		r := record.Record{
			Revision: rev, Epoch: 1, Key: fmt.Appendf(nil, "/registry/pods/default/pod-%09d", key), Value: append([]byte(nil), value...),
			Created: versions[key] == 1, CreateRevision: record.Revision(key) + 1, PrevRevision: revs[key], Version: versions[key], LeaderID: "node-a",
		}
		revs[key] = rev
		return r
	}
	d, err := NewDraft(s.dir)
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	for key := range *largeKeys {
		r := make1(record.Revision(key)+1, key)
		if err := d.Write(&r); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := d.Finish(datafile.Header{}); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Publish(t.Context(), d, nil); err != nil {
		t.Fatal(err)
	}
	cutter := objectlog.NewCutter(objectlog.ChunkThreshold, func(recs []record.Record) error {
		b, err := datafile.EncodeChunk(datafile.Header{LeaderID: "node-a", Epoch: 1, ChunkID: "0123456789abcdef"}, recs)
		if err == nil {
			_, err = st.Put(t.Context(), objectlog.ChunkKey(recs[0].Revision), b, objectstore.IfAbsent())
		}
		return err
	})
	end = record.Revision(*largeKeys)
	for range *largeRecords {
		end++
		if err := cutter.Add(make1(end, rng.IntN(*largeKeys))); err != nil {
			t.Fatal(err)
		}
	}
	if err := cutter.Close(); err != nil {
		t.Fatal(err)
	}
	return end
}
