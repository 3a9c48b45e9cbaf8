package mvcc

import (
	"bytes"
	"slices"
	"sync"
)

// sortRun is how many keys are sorted at a time: enough that handing them over costs
// nothing, few enough that they stay in a processor's cache.
const sortRun = 1 << 15

// sorter sorts keys while more of them are read: run by run, each in a goroutine that
// sorted waits for, and then merges the runs by pairs.
type sorter struct {
	run     []*item
	runs    [][]*item
	sorting sync.WaitGroup
}

func byKey(a, b *item) int { return bytes.Compare(a.key, b.key) }

func (s *sorter) add(it *item) {
	s.run = append(s.run, it)
	if len(s.run) == sortRun {
		s.flush()
	}
}

func (s *sorter) flush() {
	run := s.run
	s.runs, s.run = append(s.runs, run), make([]*item, 0, sortRun)
	s.sorting.Go(func() { slices.SortFunc(run, byKey) })
}

// sorted returns all keys in order; it must be called, if only to end the sorting.
func (s *sorter) sorted() []*item {
	s.flush()
	s.sorting.Wait()
	for len(s.runs) > 1 {
		merged := make([][]*item, (len(s.runs)+1)/2)
		for i := range merged {
			if 2*i+1 == len(s.runs) {
				merged[i] = s.runs[2*i]
				continue
			}
			a, b := s.runs[2*i], s.runs[2*i+1]
			s.sorting.Go(func() { merged[i] = merge(a, b) })
		}
		s.sorting.Wait()
		s.runs = merged
	}
	return s.runs[0]
}

func merge(a, b []*item) []*item {
	out := make([]*item, 0, len(a)+len(b))
	for len(a) > 0 && len(b) > 0 {
		if byKey(b[0], a[0]) < 0 {
			out, b = append(out, b[0]), b[1:]
		} else {
			out, a = append(out, a[0]), a[1:]
		}
	}
	return append(append(out, a...), b...)
}
