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
	asked uint64          // the newest question sent

	receipt  record.Revision // the last receipt's, or 0
	answered uint64          // the round that the last receipt named
	answer   answer          // to the last question answered
}

// answer is a follower's answer to a question; the zero value: none.
type answer struct {
	number uint64
	agreed bool
	needed record.Revision // if not agreed
}

func answerOf(a *peerpb.CompactionAnswer) answer {
	return answer{number: a.GetNumber(), agreed: a.GetAgreed(), needed: record.Revision(a.GetNeededRevision())}
}

func (a answer) message() *peerpb.CompactionAnswer {
	if a.number == 0 {
		return nil
	}
	return &peerpb.CompactionAnswer{Number: a.number, Agreed: a.agreed, NeededRevision: int64(a.needed)}
}

// accept takes the next receipt of the stream, or says why it can't be one: it must name
// the incarnation, epoch and agreement, never go back, and claim nothing that wasn't sent.
func (t *terms) accept(r *peerpb.Receipt) error {
	a := answerOf(r.Compaction)
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
	case a.number < t.answer.number || a.number == t.answer.number && a != t.answer:
		return fmt.Errorf("%w: answer %+v after %+v", ErrProtocol, a, t.answer)
	case a.number > t.asked:
		return fmt.Errorf("%w: answer to question %d, %d was asked", ErrProtocol, a.number, t.asked)
	case r.PublishedRevision < 0, r.NeededRevision < 0, a.needed < 0:
		return fmt.Errorf("%w: receipt with negative revisions", ErrProtocol)
	}
	t.receipt, t.answered, t.answer = record.Revision(r.Revision), r.Round, a
	return nil
}
