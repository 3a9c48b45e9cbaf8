package primary

import (
	"context"
	"iter"
	"time"

	"github.com/netsy-io/netsy/pkg/mvcc"
)

// queueSize bounds the proposals that wait for the sequencer. One that finds it
// full is refused: with so many in front of it, it would time out anyway.
const queueSize = 10000

// propose queues what eval does, which writes keys, and waits for its outcome.
func (r *Reign) propose(ctx context.Context, keys iter.Seq[[]byte], eval func(*mvcc.Working, mvcc.Stamp) (any, *mvcc.Change, error)) (any, error) {
	if r.draining.Load() {
		return nil, r.cfg.Metrics.refuse(ErrDraining)
	}
	if r.full.Load() {
		return nil, r.cfg.Metrics.refuse(ErrNoSpace)
	}
	r.cfg.Store.Warm(ctx, keys) // here many can wait for the disk; in the sequencer all would
	p := &proposal{ctx: ctx, eval: eval, done: make(chan outcome, 1)}
	select {
	case r.queue <- p:
	case <-r.over:
		return nil, ErrNotPrimary
	default:
		return nil, r.cfg.Metrics.refuse(ErrQueueFull)
	}
	select {
	case o := <-p.done:
		return o.result, o.err
	case <-ctx.Done():
		return nil, ctx.Err() // the proposal goes on; nobody will hear of it
	case <-r.over: // after the queue was emptied: p was answered, or came too late
		select {
		case o := <-p.done:
			return o.result, o.err
		default:
			return nil, ErrNotPrimary
		}
	}
}

// worthHandingOver says whether a batch of so many proposals should be begun while others
// are being committed. Each batch costs every node a sync and some messages, however
// small. So one must be as large as all that are under way together: of n writers' there
// are about log n, and each is begun at once while nothing is under way.
func worthHandingOver(gathered, underWay int) bool { return gathered >= underWay }

// sequence is the sequencer: the one goroutine that evaluates proposals, against
// the tentative state, and assigns revisions. It gathers a batch for as long as
// the committer is busy with those before: load makes batches large, and an
// idle store commits at once.
func (r *Reign) sequence(ctx context.Context, w *mvcc.Working) {
	b := &batch{}
	defer func() {
		b.fail(ErrNotPrimary) // never handed to the committer: certainly not applied
		for {
			select {
			case p := <-r.queue:
				p.done <- outcome{err: ErrNotPrimary}
			default:
				return
			}
		}
	}()
	for {
		r.drain(b, w)
		in, ready := r.queue, r.ready
		if b.full() {
			in = nil
		}
		if b.empty() || !b.full() && !worthHandingOver(len(b.proposals), int(r.underWay.Load())) {
			ready = nil
		}
		select {
		case <-ctx.Done():
			return
		case <-r.eased:
		case p := <-in:
			r.evaluate(b, p, w)
		case <-ready:
			b.snapshot = w.Snapshot()
			r.underWay.Add(int64(len(b.proposals)))
			r.batches <- b
			b = &batch{}
		}
	}
}

// drain takes what already waits, so that a ready committer gets all of it.
func (r *Reign) drain(b *batch, w *mvcc.Working) {
	for !b.full() {
		select {
		case p := <-r.queue:
			r.evaluate(b, p, w)
		default:
			return
		}
	}
}

func (r *Reign) evaluate(b *batch, p *proposal, w *mvcc.Working) {
	if err := p.ctx.Err(); err != nil {
		p.done <- outcome{err: err} // its client has gone, and nothing has happened yet
		return
	}
	now := time.Now()
	if b.empty() {
		b.opened = now
	}
	result, change, err := p.eval(w, mvcc.Stamp{Epoch: r.cfg.Epoch, LeaderID: r.cfg.Self.NodeID, Now: now, LeaseValid: r.leases.Valid})
	// Errors wait for the commit as results do: they too tell what the tentative
	// state looked like.
	b.add(p, outcome{result: result, err: err}, change)
}
