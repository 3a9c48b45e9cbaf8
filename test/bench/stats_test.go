package main

import (
	"testing"
	"time"
)

func TestPercentile(t *testing.T) {
	hundred := make([]int64, 100)
	for i := range hundred {
		hundred[i] = int64(i + 1)
	}
	for _, c := range []struct {
		of   []int64
		p    int
		want int64
	}{
		{nil, 50, 0}, {[]int64{7}, 50, 7}, {[]int64{7}, 99, 7}, {[]int64{1, 2}, 50, 1}, {[]int64{1, 2}, 99, 2}, {[]int64{1, 2, 3}, 50, 2},
		{hundred, 50, 50}, {hundred, 99, 99}, {hundred, 100, 100}, {hundred, 0, 1},
	} {
		if got := percentile(c.of, c.p); got != c.want {
			t.Errorf("percentile(%v, %d) is %d, want %d", c.of, c.p, got, c.want)
		}
	}
}

func TestMedian(t *testing.T) {
	for _, c := range []struct {
		of   []float64
		want float64
	}{{nil, 0}, {[]float64{3}, 3}, {[]float64{9, 1}, 5}, {[]float64{9, 1, 2}, 2}, {[]float64{4, 1, 9, 2}, 3}} {
		before := append([]float64(nil), c.of...)
		if got := median(c.of); got != c.want {
			t.Errorf("median(%v) is %v, want %v", c.of, got, c.want)
		}
		for i := range before {
			if before[i] != c.of[i] {
				t.Fatalf("median changed %v to %v", before, c.of)
			}
		}
	}
}

func TestMedianOfTakesEachFigure(t *testing.T) {
	r := &result{Samples: []sample{
		{Rate: 1, P50: 30, P99: 3, ServerCPU: 9, ClientCPU: 7, Peak: 5},
		{Rate: 2, P50: 10, P99: 2, ServerCPU: 8, ClientCPU: 6, Peak: 50},
		{Rate: 30, P50: 20, P99: 1, ServerCPU: 70, ClientCPU: 60, Peak: 6},
	}}
	want := sample{Rate: 2, P50: 20, P99: 2, ServerCPU: 9, ClientCPU: 7, Peak: 6}
	if got := medianOf(r); got != want {
		t.Errorf("%+v, want %+v", got, want)
	}
}

func TestRatio(t *testing.T) {
	for want, got := range map[string]string{"0.50": ratio(1, 2), "2.00": ratio(2.0, 1.0), "-": ratio(time.Second, 0), "0.00": ratio(0, time.Second)} {
		if got != want {
			t.Errorf("ratio is %s, want %s", got, want)
		}
	}
}

func TestPerKey(t *testing.T) {
	m := &memoryResult{Steps: []*memoryStep{
		{Nodes: []residence{{RSS: 100}, {RSS: 200}}},
		{Added: 10, Nodes: []residence{{RSS: 1100}, {RSS: 1200}}},
		{Nodes: []residence{{RSS: 9000}, {RSS: 1}}},
	}}
	rss := func(r residence) int64 { return r.RSS }
	for i, want := range []string{"-", "200", "-"} {
		if got := perKey(m, i, rss); got != want {
			t.Errorf("step %d: %s, want %s", i, got, want)
		}
	}
	if got := m.Steps[2].largest().RSS; got != 9000 {
		t.Errorf("the largest node has %d", got)
	}
}
