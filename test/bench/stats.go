package main

import (
	"cmp"
	"slices"
	"time"
)

type number interface {
	~int | ~int64 | ~float64
}

// percentile is the smallest of the sorted values that p percent don't exceed.
func percentile[T cmp.Ordered](sorted []T, p int) T {
	var none T
	if len(sorted) == 0 {
		return none
	}
	return sorted[max(0, (len(sorted)*p+99)/100-1)]
}

// median is the value in the middle, or the mean of the two there.
func median[T number](vs []T) T {
	if len(vs) == 0 {
		return 0
	}
	vs = slices.Sorted(slices.Values(vs))
	return (vs[(len(vs)-1)/2] + vs[len(vs)/2]) / 2
}

// medianOf takes the median of each figure for itself.
func medianOf(r *result) sample {
	return sample{
		Rate:      medianBy(r.Samples, func(s sample) float64 { return s.Rate }),
		P50:       medianBy(r.Samples, func(s sample) time.Duration { return s.P50 }),
		P99:       medianBy(r.Samples, func(s sample) time.Duration { return s.P99 }),
		ServerCPU: medianBy(r.Samples, func(s sample) time.Duration { return s.ServerCPU }),
		ClientCPU: medianBy(r.Samples, func(s sample) time.Duration { return s.ClientCPU }),
		Peak:      medianBy(r.Samples, func(s sample) int64 { return s.Peak }),
	}
}

func medianBy[T number](ss []sample, of func(sample) T) T {
	var vs []T
	for _, s := range ss {
		vs = append(vs, of(s))
	}
	return median(vs)
}
