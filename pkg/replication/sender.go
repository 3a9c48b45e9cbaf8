package replication

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/netsy-io/netsy/pkg/datafile"
	"github.com/netsy-io/netsy/pkg/netsypb/peerpb"
	"github.com/netsy-io/netsy/pkg/record"
)

// send is the follower's sender: it brings it from where it is to where the Primary
// is, and says something at least every heartbeat interval.
func (s *stream) send() error {
	interval := s.feed.cfg.HeartbeatInterval
	beat := time.NewTimer(interval)
	defer beat.Stop()
	for {
		w := s.look()
		var err error
		switch {
		case len(w.batches) > 0:
			err = s.fromRing(w)
		case w.upTo > 0:
			err = s.fromStore(w.after, w.upTo)
		case w.news:
			err = s.append(nil, w.after)
		default:
			select {
			case <-s.ctx.Done():
				return context.Cause(s.ctx)
			case <-s.wake:
				continue
			case <-beat.C:
				err = s.append(nil, w.after)
			}
		}
		if err != nil {
			return err
		}
		beat.Reset(interval)
	}
}

// work is what a sender has to do next.
type work struct {
	after   record.Revision // was sent
	batches []*batch        // hold the next revision
	upTo    record.Revision // or the store has to be read up to here
	news    bool            // or there is just a note
}

// look finds what to send next.
func (s *stream) look() work {
	f := s.feed
	f.mu.Lock()
	defer f.mu.Unlock()
	w := work{after: s.terms.sent, news: s.noted != f.noteLocked()}
	if w.after >= f.last {
		return w
	}
	if w.batches = f.ring.after(w.after, maxAppend); w.batches != nil {
		return w
	}
	w.upTo = f.last
	if oldest := f.ring.oldest(); oldest > 0 {
		w.upTo = oldest - 1
	}
	return w
}

func (f *Feed) noteLocked() note {
	return note{committed: f.committed, compaction: f.compaction, round: f.round, question: f.question}
}

func (s *stream) fromRing(w work) error {
	s.feed.cfg.Metrics.sentRing.Inc()
	recs, last := gather(w.batches, w.after, maxAppend)
	return s.append(recs, last)
}

// errGone: what would have to be sent is no longer all there.
var errGone = errors.New("replication: records are gone from the store")

// fromStore sends the revisions after..upTo, which memory has forgotten. It checks that
// compaction has taken nothing of them away.
func (s *stream) fromStore(after, upTo record.Revision) error {
	var recs [][]byte
	size := 0
	seen := succession{rev: after}
	flush := func() error {
		// Looked at after reading: what was purged before shows here.
		if s.feed.behind(s.sent()) {
			return errGone
		}
		s.feed.cfg.Metrics.sentStore.Inc()
		err := s.append(recs, seen.rev)
		recs, size = nil, 0
		return err
	}
	err := s.feed.cfg.Store.Records(s.ctx, after+1, upTo, func(r *record.Record) error {
		if size >= maxAppend && r.Revision != seen.rev {
			if err := flush(); err != nil {
				return err
			}
		}
		if !seen.next(r) {
			return errGone
		}
		msg := datafile.AppendRecord(make([]byte, 0, r.Size()+recordOverhead), r)
		recs, size = append(recs, msg), size+len(msg)
		return nil
	})
	if err == nil && seen.rev == upTo {
		err = flush()
	} else if err == nil {
		err = errGone
	}
	if errors.Is(err, errGone) {
		return s.sendBehind()
	}
	if err != nil {
		return fmt.Errorf("replication: sending revisions %d to %d: %w", after+1, upTo, err)
	}
	return nil
}

func (s *stream) sent() record.Revision {
	s.feed.mu.Lock()
	defer s.feed.mu.Unlock()
	return s.terms.sent
}

// append sends records up to last, and what else there is to say. What the stream is
// judged by is raised before anything can be answered.
func (s *stream) append(recs [][]byte, last record.Revision) error {
	f := s.feed
	f.mu.Lock()
	n := f.noteLocked()
	s.noted, s.terms.sent, s.terms.round = n, last, n.round
	s.terms.asked = max(s.terms.asked, n.question.number)
	logged := f.logged
	f.mu.Unlock()
	return s.rpc.Send(&peerpb.FollowResponse{Message: &peerpb.FollowResponse_Append{Append: &peerpb.Append{
		Records: recs, CommittedRevision: int64(n.committed), CompactionRevision: int64(n.compaction), Round: n.round, Logged: logged,
		CompactionQuestion: n.question.message(),
	}}})
}
