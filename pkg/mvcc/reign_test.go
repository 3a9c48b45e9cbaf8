package mvcc

import (
	"errors"
	"testing"

	"github.com/netsy-io/netsy/pkg/record"
)

// TestReignRules: all small states and epochs, for promising, serving and storing.
func TestReignRules(t *testing.T) {
	for promised := range record.Epoch(4) {
		for served := range promised + 1 {
			for e := range record.Epoch(5) {
				start := durable{promised: promised, served: served}
				d := start
				err := promise(&d, e)
				if ok := e >= promised; !judged[*PromisedError](err, ok) || ok && d != (durable{promised: e, served: served}) || !ok && d != start {
					t.Errorf("promise %d on %+v: %+v, %v", e, start, d, err)
				}
				d = start
				err = serve(&d, e)
				switch {
				case e <= served:
					if !judged[*ServedError](err, false) || d != start {
						t.Errorf("serve %d on %+v: %+v, %v", e, start, d, err)
					}
				case e < promised:
					if !judged[*PromisedError](err, false) || d != start {
						t.Errorf("serve %d on %+v: %+v, %v", e, start, d, err)
					}
				case err != nil || d != (durable{promised: e, served: e}):
					t.Errorf("serve %d on %+v: %+v, %v", e, start, d, err)
				}
				err = mayStore(&start, []record.Record{{Epoch: 9}, {Epoch: e}})
				if !judged[*PromisedError](err, e >= promised) {
					t.Errorf("store epoch %d on %+v: %v", e, start, err)
				}
			}
		}
	}
}

// judged: no error when ok, else one of type E.
func judged[E error](err error, ok bool) bool {
	var want E
	if ok {
		return err == nil
	}
	return errors.As(err, &want)
}

func TestTruncateAndCompactRules(t *testing.T) {
	for published := range record.Revision(4) {
		for compact := range record.Revision(4) {
			for rev := range record.Revision(5) {
				err := mayTruncate(&durable{compact: compact}, published, rev)
				if !judged[*TruncateError](err, rev >= published && rev >= compact) {
					t.Errorf("published %d, compacted %d: truncate after %d: %v", published, compact, rev, err)
				}
				err = mayCompact(compact, published, rev)
				var want error
				if rev > published {
					want = ErrFutureRev
				}
				if rev <= compact {
					want = ErrCompacted
				}
				if err != want {
					t.Errorf("published %d, compacted %d: compact to %d: %v", published, compact, rev, err)
				}
			}
		}
	}
}
