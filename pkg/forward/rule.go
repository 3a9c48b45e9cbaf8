package forward

import (
	"fmt"

	"github.com/netsy-io/netsy/pkg/primary"
)

// unanswered is the rule for a request that will get no answer, because of cause:
// what may have been sent may have been done. A write that was handed to the stream
// has an unknown outcome, even if handing it over failed. All else was certainly not
// done, or does no harm when it is done again, and is asked of the next Primary.
func unanswered(write, handed bool, cause error) error {
	if write && handed {
		return fmt.Errorf("%w: forward: no answer from the Primary: %w", primary.ErrUnknownOutcome, cause)
	}
	return fmt.Errorf("%w: forward: the Primary can't be asked: %w", primary.ErrNotPrimary, cause)
}
