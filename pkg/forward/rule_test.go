package forward

import (
	"errors"
	"testing"

	"github.com/netsy-io/netsy/pkg/primary"
)

func TestUnanswered(t *testing.T) {
	cause := errors.New("cut")
	for _, c := range []struct {
		write, handed bool
		want, not     error
	}{
		{true, true, primary.ErrUnknownOutcome, primary.ErrNotPrimary},
		{true, false, primary.ErrNotPrimary, primary.ErrUnknownOutcome},
		{false, true, primary.ErrNotPrimary, primary.ErrUnknownOutcome},
		{false, false, primary.ErrNotPrimary, primary.ErrUnknownOutcome},
	} {
		err := unanswered(c.write, c.handed, cause)
		if !errors.Is(err, c.want) || errors.Is(err, c.not) || !errors.Is(err, cause) {
			t.Errorf("write %v, handed over %v: %v", c.write, c.handed, err)
		}
	}
}
