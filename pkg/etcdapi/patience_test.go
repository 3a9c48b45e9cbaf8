package etcdapi

import (
	"context"
	"errors"
	"runtime"
	"testing"
	"testing/synctest"
	"time"
)

func TestPatienceEndsAfterItsTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := withPatience(t.Context(), time.Second)
		defer p.end()
		time.Sleep(900 * time.Millisecond) // before anybody waits
		begun := time.Now()
		<-p.Done()
		if waited := time.Since(begun); waited != 100*time.Millisecond {
			t.Errorf("waited %v for what was left of a second", waited)
		}
		if !errors.Is(p.Err(), context.DeadlineExceeded) {
			t.Errorf("it ended with %v", p.Err())
		}
	})
}

func TestPatienceThatIsOverWhenAskedFirst(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := withPatience(t.Context(), time.Second)
		defer p.end()
		time.Sleep(2 * time.Second)
		if !errors.Is(p.Err(), context.DeadlineExceeded) {
			t.Errorf("after its time it says %v", p.Err())
		}
	})
}

func TestPatienceEndsWithItsParent(t *testing.T) {
	parent, cancel := context.WithCancel(t.Context())
	before, after := withPatience(parent, time.Hour), withPatience(parent, time.Hour)
	defer before.end()
	defer after.end()
	done := before.Done()
	cancel()
	<-done
	<-after.Done()
	if !errors.Is(before.Err(), context.Canceled) || !errors.Is(after.Err(), context.Canceled) {
		t.Errorf("they ended with %v and %v", before.Err(), after.Err())
	}
}

func TestPatienceEndsWhatWasDerivedFromIt(t *testing.T) {
	for _, asked := range []bool{false, true} {
		p := withPatience(t.Context(), time.Hour)
		if asked {
			p.Done()
		}
		goroutines := runtime.NumGoroutine()
		child, cancel := context.WithCancel(p)
		defer cancel()
		if n := runtime.NumGoroutine(); n > goroutines {
			t.Errorf("a derived context took %d goroutines", n-goroutines)
		}
		p.end()
		<-child.Done()
		if !errors.Is(p.Err(), context.Canceled) {
			t.Errorf("it ended with %v", p.Err())
		}
	}
}

func TestPatienceThatNobodyAskedIsOverAtTheEnd(t *testing.T) {
	p := withPatience(t.Context(), time.Hour)
	p.end()
	<-p.Done()
	if !errors.Is(p.Err(), context.Canceled) {
		t.Errorf("it says %v after its end", p.Err())
	}
}

func TestPatienceKnowsItsDeadlineAndValues(t *testing.T) {
	type key struct{}
	soon := time.Now().Add(time.Minute)
	parent, cancel := context.WithDeadline(context.WithValue(t.Context(), key{}, 1), soon)
	defer cancel()
	for d, want := range map[time.Duration]bool{time.Second: false, time.Hour: true} {
		p := withPatience(parent, d)
		defer p.end()
		if at, ok := p.Deadline(); !ok || at.Equal(soon) != want {
			t.Errorf("with %v, and a parent with a minute, the deadline is %v (%v)", d, time.Until(at), ok)
		}
		for range 2 {
			if p.Value(key{}) != 1 {
				t.Error("a value got lost")
			}
			p.Done()
		}
	}
}
