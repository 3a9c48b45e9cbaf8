package retry

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/netsy-io/netsy/pkg/objectstore"
)

func unavailable() error {
	return objectstore.Errorf(objectstore.ErrUnavailable, "get", "k", "injected")
}

func TestDo(t *testing.T) {
	permanent := objectstore.Errorf(objectstore.ErrPermanent, "get", "k", "injected")
	unknown := objectstore.Errorf(objectstore.ErrUnknownOutcome, "put", "k", "injected")
	for name, c := range map[string]struct {
		errs     []error // of the first attempts; then success
		attempts int
		calls    int
		want     error
	}{
		"success":         {nil, 3, 1, nil},
		"third time":      {[]error{unavailable(), unavailable()}, 3, 3, nil},
		"given up":        {[]error{unavailable(), unavailable(), unavailable()}, 3, 3, objectstore.ErrUnavailable},
		"permanent":       {[]error{permanent}, 3, 1, objectstore.ErrPermanent},
		"unknown outcome": {[]error{unknown}, 3, 1, objectstore.ErrUnknownOutcome},
		"no bound":        {make([]error, 0), 0, 1, nil},
	} {
		synctest.Test(t, func(t *testing.T) {
			calls, told := 0, 0
			err := Do(t.Context(), c.attempts, func(n int, _ error) { told++ }, func() error {
				calls++
				if calls <= len(c.errs) {
					return c.errs[calls-1]
				}
				return nil
			})
			if calls != c.calls || told != calls-1 || !errors.Is(err, c.want) {
				t.Errorf("%s: %d calls, told of %d: %v", name, calls, told, err)
			}
		})
	}
}

// TestPatience: slow failures end sooner than the attempts do.
func TestPatience(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		calls := 0
		err := Do(t.Context(), Attempts, func(int, error) {}, func() error {
			calls++
			time.Sleep(patience / 2)
			return unavailable()
		})
		if calls != 2 || !errors.Is(err, objectstore.ErrUnavailable) {
			t.Errorf("%d calls: %v", calls, err)
		}
	})
}

func TestEndsWithItsContext(t *testing.T) {
	why := errors.New("why")
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancelCause(t.Context())
		err := Do(ctx, 0, func(int, error) { cancel(why) }, unavailable)
		if !errors.Is(err, why) || !errors.Is(err, objectstore.ErrUnavailable) {
			t.Error(err)
		}
	})
}

func TestPausesGrowAndAreBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for n := 1; n < 50; n++ {
			began := time.Now()
			if err := Pause(t.Context(), n); err != nil {
				t.Fatal(err)
			}
			if d, most := time.Since(began), min(longestPause, firstPause<<min(n-1, 10)); d < most/2 || d > most {
				t.Errorf("pause %d took %v", n, d)
			}
		}
	})
}
