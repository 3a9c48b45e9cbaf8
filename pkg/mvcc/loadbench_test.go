package mvcc

import (
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/netsy-io/netsy/pkg/record"
)

var loadKeys = flag.Int("load-keys", 100_000, "keys of BenchmarkLoadSnapshot")

// snapshotRecords makes the records i in [from, to) of n keys with 1 KiB each, in an
// order that isn't the keys'.
func snapshotRecords(from, to, n int, buf []record.Record) []record.Record {
	recs := buf[:0]
	for i := from; i < to; i++ {
		at := i * 7919 % n // 7919 is prime: each number once
		value := make([]byte, 1024)
		for j := 0; j < len(value); j += 8 {
			value[j] = byte(rand.Uint32())
		}
		recs = append(recs, record.Record{
			Revision: record.Revision(i + 1), Epoch: 1, Key: fmt.Appendf(nil, "/registry/pods/namespace-%03d/pod-%07d", at%500, at),
			Value: value, Created: true, Version: 1, CreateRevision: record.Revision(i + 1), CreatedAt: testNow, LeaderID: "node-1",
		})
	}
	return recs
}

func vmHWM() string {
	b, _ := os.ReadFile("/proc/self/status")
	for line := range strings.Lines(string(b)) {
		if strings.HasPrefix(line, "VmHWM") {
			return strings.TrimSpace(line)
		}
	}
	return ""
}

// BenchmarkLoadSnapshot: stage, commit, open again, build the state.
func BenchmarkLoadSnapshot(b *testing.B) {
	for b.Loop() {
		n := *loadKeys
		dir := b.TempDir()
		s := openDir(b, dir)
		l, err := s.BeginLoad(b.Context())
		if err != nil {
			b.Fatal(err)
		}
		var staging time.Duration
		var recs []record.Record
		for i := 0; i < n; i += 1000 {
			recs = snapshotRecords(i, min(i+1000, n), n, recs)
			start := time.Now()
			if err := l.Add(b.Context(), recs); err != nil {
				b.Fatal(err)
			}
			staging += time.Since(start)
		}
		b.ReportMetric(staging.Seconds(), "stage-s")
		start := time.Now()
		if err := l.Commit(b.Context(), record.Pos{Epoch: 1, Revision: record.Revision(n)}, record.Revision(n-1)); err != nil {
			b.Fatal(err)
		}
		b.ReportMetric(time.Since(start).Seconds(), "commit-s")
		b.Log("after commit", vmHWM())
		if err := s.Close(); err != nil {
			b.Fatal(err)
		}
		runtime.GC()
		start = time.Now()
		s = openDir(b, dir)
		b.ReportMetric(time.Since(start).Seconds(), "open-s")
		start = time.Now()
		w, err := s.NewWorking(b.Context())
		if err != nil || w.Snapshot().Len() != n {
			b.Fatal(err)
		}
		b.ReportMetric(time.Since(start).Seconds(), "state-s")
		b.Log("after state", vmHWM())
		s.Close()
	}
}

// BenchmarkStateLoad opens a file of -load-keys keys again and again.
func BenchmarkStateLoad(b *testing.B) {
	n := *loadKeys
	dir := b.TempDir()
	s := openDir(b, dir)
	l, err := s.BeginLoad(b.Context())
	if err != nil {
		b.Fatal(err)
	}
	var recs []record.Record
	for i := 0; i < n; i += 1000 {
		recs = snapshotRecords(i, min(i+1000, n), n, recs)
		if err := l.Add(b.Context(), recs); err != nil {
			b.Fatal(err)
		}
	}
	if err := l.Commit(b.Context(), record.Pos{Epoch: 1, Revision: record.Revision(n)}, record.Revision(n-1)); err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		w, err := s.NewWorking(b.Context())
		if err != nil || w.Snapshot().Len() != n {
			b.Fatal(err)
		}
	}
}
