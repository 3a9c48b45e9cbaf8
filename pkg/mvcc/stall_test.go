package mvcc

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/netsy-io/netsy/pkg/record"
)

// BenchmarkAppendWhileReclaiming: how long single writes take while much history is
// purged and the file is given back, compared with the same store at rest.
func BenchmarkAppendWhileReclaiming(b *testing.B) {
	const keys, versions = 2000, 40
	for b.Loop() {
		s := begin(b)
		value := make([]byte, 2048)
		for j := range value {
			value[j] = byte(rand.Uint32())
		}
		for v := range versions {
			var recs []record.Record
			for i := range keys {
				ch, err := putChange(s, fmt.Sprintf("/registry/pods/%d", i), string(value[v:]))
				if err != nil {
					b.Fatal(err)
				}
				recs = append(recs, ch.Record)
			}
			s.commit(b, recs...)
		}
		idle := s.appends(b, func() bool { return true })
		before := sizeNow(b, s.Store)
		s.SetLogged(1, s.Tail())
		if err := s.Compact(b.Context(), s.Tail().Revision); err != nil {
			b.Fatal(err)
		}
		target := s.Tail().Revision - 1
		start := time.Now()
		busy := s.appends(b, func() bool {
			return s.state.Load().purged >= target && !worthVacuum(*s.size.Load())
		})
		after, inUse := s.Size()
		b.ReportMetric(time.Since(start).Seconds(), "reclaim-s")
		b.ReportMetric(float64(len(busy)), "appends")
		b.ReportMetric(float64(before)/(1<<20), "before-MiB")
		b.ReportMetric(float64(after)/(1<<20), "after-MiB")
		b.ReportMetric(float64(inUse)/(1<<20), "used-MiB")
		for name, at := range map[string]float64{"p50": .5, "p99": .99, "max": 1} {
			b.ReportMetric(float64(quantile(busy, at))/1e6, name+"-busy-ms")
			b.ReportMetric(float64(quantile(idle, at))/1e6, name+"-idle-ms")
		}
		s.Close()
	}
}

func quantile(d []time.Duration, at float64) time.Duration {
	slices.Sort(d)
	return d[min(len(d)-1, int(at*float64(len(d))))]
}

// appends writes single records until done, a few thousand at least.
func (b *begun) appends(t testing.TB, done func() bool) (took []time.Duration) {
	for i := 0; i < 2000 || !done(); i++ {
		ch, err := putChange(b, fmt.Sprintf("/registry/leases/%d", i%50), "value")
		if err != nil {
			t.Fatal(err)
		}
		start := time.Now()
		if err := b.Append(t.Context(), []record.Record{ch.Record}); err != nil {
			t.Fatal(err)
		}
		took = append(took, time.Since(start))
		if err := b.Publish(b.w.Snapshot()); err != nil {
			t.Fatal(err)
		}
		if i%10 == 0 {
			time.Sleep(time.Millisecond) // a store that is in use, not one that is flooded
		}
	}
	return took
}
