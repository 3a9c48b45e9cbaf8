package replication

import (
	"context"
	"slices"
	"strings"

	"github.com/netsy-io/netsy/pkg/netsypb/peerpb"
	"github.com/netsy-io/netsy/pkg/record"
	"github.com/netsy-io/netsy/pkg/registry"
)

// question asks followers whether history may be compacted. The zero value asks nothing.
type question struct {
	number uint64 // of the questions of this feed, from 1
	rev    record.Revision
	force  bool
}

// CompactionAnswer is what one follower says.
type CompactionAnswer struct {
	Ref      registry.NodeRef
	Answered bool
	Agreed   bool            // its watches need nothing below the revision, and won't
	Needed   record.Revision // if not: the highest revision that it would have agreed to
}

// AskCompaction asks every follower whether history may be compacted at rev, which is
// published here. It returns when each has answered or left, or when ctx or the feed
// ends: those who are connected then, by id, whether they have answered or not. What a
// follower has agreed to holds whatever comes of the question. With force, watches that
// need less are cancelled. One question is out at a time: that is the caller's business.
func (f *Feed) AskCompaction(ctx context.Context, rev record.Revision, force bool) []CompactionAnswer {
	news := make(chan struct{}, 1)
	n := f.beginQuestion(rev, force, news)
	defer f.endQuestion(news)
	for {
		answers, all := f.compactionAnswers(n)
		if all {
			return answers
		}
		select {
		case <-news:
			continue
		case <-ctx.Done():
		case <-f.ctx.Done():
		}
		answers, _ = f.compactionAnswers(n)
		return answers
	}
}

func (f *Feed) beginQuestion(rev record.Revision, force bool, news chan struct{}) uint64 {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.questions++
	f.question = question{number: f.questions, rev: rev, force: force}
	f.waiters[news] = struct{}{}
	f.wakeLocked()
	return f.questions
}

// endQuestion: who comes later isn't asked.
func (f *Feed) endQuestion(news chan struct{}) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.question = question{}
	delete(f.waiters, news)
}

// compactionAnswers lists what the connected copies have answered to question n.
func (f *Feed) compactionAnswers(n uint64) (answers []CompactionAnswer, all bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	all = true
	for _, c := range f.copies {
		if !c.connected() {
			continue
		}
		a := CompactionAnswer{Ref: c.ref}
		if said := c.stream.terms.answer; said.number == n {
			a.Answered, a.Agreed, a.Needed = true, said.agreed, said.needed
		}
		all = all && a.Answered
		answers = append(answers, a)
	}
	slices.SortFunc(answers, func(a, b CompactionAnswer) int { return strings.Compare(a.Ref.NodeID, b.Ref.NodeID) })
	return answers, all
}

func (q question) message() *peerpb.CompactionQuestion {
	if q.number == 0 {
		return nil
	}
	return &peerpb.CompactionQuestion{Number: q.number, Revision: int64(q.rev), Force: q.force}
}

func questionOf(q *peerpb.CompactionQuestion) question {
	return question{number: q.GetNumber(), rev: record.Revision(q.GetRevision()), force: q.GetForce()}
}

// answer answers q on the replica, if that wasn't done. One goroutine calls it.
func (r *replica) answer(q question) {
	if q.number <= r.said.number {
		return
	}
	a := answer{number: q.number}
	if a.needed, a.agreed = r.cfg.Applier.Reserve(q.rev, q.force); a.agreed {
		a.needed = 0
	}
	r.mu.Lock()
	r.said = a
	r.mu.Unlock()
	notify(r.wakeReceipt)
}
