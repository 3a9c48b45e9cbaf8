package storetest

import (
	"bytes"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/netsy-io/netsy/pkg/objectstore"
)

const racers = 8

// race runs fn in several goroutines that start together.
func race(fn func(i int)) {
	start := make(chan struct{})
	var wg sync.WaitGroup
	for i := range racers {
		wg.Go(func() {
			<-start
			fn(i)
		})
	}
	close(start)
	wg.Wait()
}

// testRaceForSlot: of many that create one key, exactly one wins, and its bytes stay.
func testRaceForSlot(s *suite) {
	s.raceForSlot(func(key string, body []byte) (objectstore.Version, error) {
		return s.store.Put(s.ctx, key, body, objectstore.IfAbsent())
	})
}

func testRaceStream(s *suite) {
	s.raceForSlot(func(key string, body []byte) (objectstore.Version, error) {
		return s.store.PutStream(s.ctx, key, bytes.NewReader(body), int64(len(body)), objectstore.IfAbsent())
	})
}

func (s *suite) raceForSlot(put func(key string, body []byte) (objectstore.Version, error)) {
	for round := range s.o.Rounds {
		key := fmt.Sprintf("chunks/%019d.netsy", round)
		versions, errs := make([]objectstore.Version, racers), make([]error, racers)
		race(func(i int) {
			versions[i], errs[i] = retried(func() (objectstore.Version, error) { return put(key, []byte(body(round, i))) })
		})
		winner := -1
		for i, err := range errs {
			if err == nil && winner >= 0 {
				s.Fatalf("round %d: %d and %d both won %s", round, winner, i, key)
			}
			if err == nil {
				winner = i
				continue
			}
			s.fails(err, objectstore.ErrPreconditionFailed)
		}
		if winner < 0 {
			s.Fatalf("round %d: nobody won", round)
		}
		s.holds(key, body(round, winner), versions[winner])
	}
}

// body differs in content and length between racers.
func body(round, i int) string {
	return fmt.Sprintf("round %d racer %d %s", round, i, strings.Repeat("x", 100*i))
}

// retried tries again as long as the store says that nothing happened.
func retried(fn func() (objectstore.Version, error)) (objectstore.Version, error) {
	for {
		v, err := fn()
		if !objectstore.Retryable(err) {
			return v, err
		}
	}
}

// testRaceCounter: increments by compare-and-swap under contention; none is lost.
func testRaceCounter(s *suite) {
	each := max(1, s.o.Rounds/5)
	s.put("counter", "0", objectstore.IfAbsent())
	var lost atomic.Int64
	race(func(int) {
		for done := 0; done < each; {
			b, info, err := objectstore.ReadAll(s.ctx, s.store, "counter", 100)
			if err != nil {
				s.Error(err)
				return
			}
			n, err := strconv.Atoi(string(b))
			if err != nil {
				s.Error(err)
				return
			}
			_, err = s.store.Put(s.ctx, "counter", strconv.AppendInt(nil, int64(n+1), 10), objectstore.IfMatch(info.Version))
			switch {
			case err == nil:
				done++
			case errors.Is(err, objectstore.ErrPreconditionFailed), objectstore.Retryable(err):
				lost.Add(1)
			default:
				s.Error(err)
				return
			}
		}
	})
	if got, _ := s.get("counter"); got != strconv.Itoa(racers*each) {
		s.Fatalf("the counter is %s after %d increments (%d attempts were refused)", got, racers*each, lost.Load())
	}
}

// testRaceDelete: of those that delete one version (even racers) and those that
// replace it (odd ones), exactly one succeeds.
func testRaceDelete(s *suite) {
	for round := range s.o.Rounds {
		key := fmt.Sprintf("k%d", round)
		v := s.put(key, "contended", objectstore.IfAbsent())
		errs := make([]error, racers)
		race(func(i int) {
			_, errs[i] = retried(func() (objectstore.Version, error) {
				if i%2 == 0 {
					return "", s.store.Delete(s.ctx, key, objectstore.IfMatch(v))
				}
				return s.store.Put(s.ctx, key, []byte(body(round, i)), objectstore.IfMatch(v))
			})
		})
		winner := -1
		for i, err := range errs {
			switch {
			case err != nil:
				s.fails(err, objectstore.ErrPreconditionFailed)
			case winner < 0:
				winner = i
			case s.o.RacingDeletesWin && winner%2 == 0 && i%2 == 0:
			default:
				s.Fatalf("round %d: %d and %d both had version %s", round, winner, i, v)
			}
		}
		switch {
		case winner < 0:
			s.Fatalf("round %d: nobody won", round)
		case winner%2 == 0:
			s.fails(s.getErr(key), objectstore.ErrNotFound)
		default:
			if got, _ := s.get(key); got != body(round, winner) {
				s.Fatalf("round %d: %d won, but the object is %q", round, winner, got)
			}
		}
	}
}

// testAtomicReads: readers beside a writer see whole objects, and never go back.
func testAtomicReads(s *suite) {
	s.put("k", strings.Repeat("0 ", 4096), objectstore.IfAbsent())
	stop := make(chan struct{})
	var readers sync.WaitGroup
	for range 4 {
		readers.Go(func() {
			for last := 0; ; {
				select {
				case <-stop:
					return
				default:
				}
				b, _, err := objectstore.ReadAll(s.ctx, s.store, "k", 1<<20)
				if objectstore.Retryable(err) {
					continue
				}
				if err != nil {
					s.Error(err)
					return
				}
				first, _, _ := strings.Cut(string(b), " ")
				n, _ := strconv.Atoi(first)
				if string(b) != strings.Repeat(first+" ", 4096) || n < last {
					s.Errorf("read %d bytes beginning with %q after %d", len(b), first, last)
					return
				}
				last = n
			}
		})
	}
	for i := range s.o.Rounds {
		s.put("k", strings.Repeat(strconv.Itoa(i+1)+" ", 4096), objectstore.Always())
	}
	close(stop)
	readers.Wait()
}
