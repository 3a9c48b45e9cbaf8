package mvcc

import (
	"context"

	"github.com/netsy-io/netsy/pkg/record"
)

// ElectionState is what a node brings to an election. Promised: it takes part in no
// lower epoch any more. Served: the last epoch it was Primary of. Tail: its last record.
type ElectionState struct {
	Promised, Served record.Epoch
	Tail             record.Pos
}

// ElectionState returns the state as last committed.
func (s *Store) ElectionState() ElectionState { return s.state.Load().election() }

// Promise durably raises the promise to e and returns the state of the same
// transaction: no record of a lower epoch can be appended after the tail it names.
// Promising the same epoch again is fine; a lower one is a *PromisedError.
func (s *Store) Promise(ctx context.Context, e record.Epoch) (ElectionState, error) {
	return s.elect(ctx, "promise", func(d *durable) error { return promise(d, e) })
}

// Serve durably marks e as served by this node, and promised: it happens before
// anything is done as Primary, so that a restart loses the reign. A *ServedError
// says that e or a later epoch was served already, a *PromisedError that a later one is promised.
func (s *Store) Serve(ctx context.Context, e record.Epoch) (ElectionState, error) {
	return s.elect(ctx, "serve", func(d *durable) error { return serve(d, e) })
}

func (s *Store) elect(ctx context.Context, op string, change func(*durable) error) (ElectionState, error) {
	if err := ctx.Err(); err != nil {
		return ElectionState{}, err
	}
	var state ElectionState
	err := s.write(op, func(_ *writer, next *durable) error {
		if err := change(next); err != nil {
			return err
		}
		state = next.election()
		return nil
	})
	if err != nil {
		return ElectionState{}, err
	}
	return state, nil
}
