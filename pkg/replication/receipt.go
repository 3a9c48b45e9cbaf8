package replication

import (
	"fmt"

	"github.com/netsy-io/netsy/pkg/netsypb/peerpb"
	"github.com/netsy-io/netsy/pkg/record"
	"github.com/netsy-io/netsy/pkg/registry"
)

// terms are what the receipts of one stream are judged by.
type terms struct {
	ref    registry.NodeRef // of the hello
	epoch  record.Epoch
	stream uint64 // of this stream's agreement

	sent  record.Revision // the last record sent, or the agreement point
	round uint64          // the newest round sent

	receipt  record.Revision // the last receipt's, or 0
	answered uint64          // the round that the last receipt named
}

// accept takes the next receipt of the stream, or says why it can't be one: it must name
// the incarnation, epoch and agreement, never go back, and claim nothing that wasn't sent.
func (t *terms) accept(r *peerpb.Receipt) error {
	switch {
	case r.Incarnation != t.ref.Incarnation:
		return fmt.Errorf("%w: receipt of incarnation %q on the stream of %v", ErrProtocol, r.Incarnation, t.ref)
	case record.Epoch(r.Epoch) != t.epoch:
		return fmt.Errorf("%w: receipt of epoch %d on a stream of epoch %d", ErrProtocol, r.Epoch, t.epoch)
	case r.Stream != t.stream:
		return fmt.Errorf("%w: receipt for agreement %x on the stream of agreement %x", ErrProtocol, r.Stream, t.stream)
	case record.Revision(r.Revision) < t.receipt:
		return fmt.Errorf("%w: receipt of revision %d after one of %d", ErrProtocol, r.Revision, t.receipt)
	case record.Revision(r.Revision) > t.sent:
		return fmt.Errorf("%w: receipt of revision %d, %d was sent", ErrProtocol, r.Revision, t.sent)
	case r.Round < t.answered:
		return fmt.Errorf("%w: receipt of round %d after one of %d", ErrProtocol, r.Round, t.answered)
	case r.Round > t.round:
		return fmt.Errorf("%w: receipt of round %d, %d was sent", ErrProtocol, r.Round, t.round)
	case r.PublishedRevision < 0, r.NeededRevision < 0:
		return fmt.Errorf("%w: receipt with negative revisions", ErrProtocol)
	}
	t.receipt, t.answered = record.Revision(r.Revision), r.Round
	return nil
}
