package replication

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
	"time"

	"github.com/hashicorp/go-hclog"
	"google.golang.org/grpc"

	"github.com/netsy-io/netsy/pkg/datafile"
	"github.com/netsy-io/netsy/pkg/logevent"
	"github.com/netsy-io/netsy/pkg/mvcc"
	"github.com/netsy-io/netsy/pkg/netsypb/peerpb"
	"github.com/netsy-io/netsy/pkg/record"
	"github.com/netsy-io/netsy/pkg/registry"
)

const (
	// maxMessage bounds one message from the Primary: one that goes beyond maxAppend holds
	// a single revision, of one large record or thousands of small ones.
	maxMessage = datafile.MaxRecordSize + 4<<20

	// queuedAppends bounds the messages that wait to be stored, each of about maxAppend
	// at most; beyond it, gRPC's flow control holds back the Primary's sender.
	queuedAppends = 32

	// maxMerged bounds the records of one transaction: beyond a few MiB its fixed cost
	// no longer shows, and a larger one would delay the next receipt.
	maxMerged = 4 << 20
)

// FollowConfig is what a replica needs to follow. Following, Logger and Metrics
// may be absent.
type FollowConfig struct {
	Store   *mvcc.Store
	Self    registry.NodeRef
	Epoch   record.Epoch // the reign to follow
	Primary peerpb.PeerClient
	Applier *Applier

	// HeartbeatInterval is how often, at least, each side says something. The stream
	// ends when nothing was heard for DegradationCount+1 intervals.
	HeartbeatInterval time.Duration
	DegradationCount  int

	// Following is called once, when the copies have agreed and the Primary was told.
	Following func()

	Logger  hclog.Logger
	Metrics *Metrics
}

func (c *FollowConfig) setDefaults() {
	if c.Following == nil {
		c.Following = func() {}
	}
	if c.Logger == nil {
		c.Logger = hclog.NewNullLogger()
	}
	if c.Metrics == nil {
		c.Metrics = NewMetrics(nil, nil)
	}
}

// Follow follows the Primary of one reign over one stream until that ends, and returns
// why: never nil. Nothing of it runs afterwards, so that another stream or a reign
// may take over the store and the Applier. Among the errors: ErrBehind and ErrPurged
// (load the object log first), *mvcc.PromisedError (a later epoch was promised),
// ErrConflict (somebody must look), ErrSilent, a gRPC status from the Primary
// (FailedPrecondition: it isn't the Primary of that reign), errors of the store.
func Follow(ctx context.Context, cfg FollowConfig) error {
	cfg.setDefaults()
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	r := &replica{cfg: cfg, cancel: cancel, wakeReceipt: make(chan struct{}, 1), wakeApply: make(chan struct{}, 1), queue: make(chan entry, queuedAppends)}
	r.alive = time.AfterFunc(r.patience(), func() { cancel(fmt.Errorf("%w: more than %v", ErrSilent, r.patience())) })
	defer r.alive.Stop()
	err := r.follow(ctx)
	if ctx.Err() != nil {
		err = context.Cause(ctx)
	}
	cfg.Metrics.streamEnded(err)
	return fmt.Errorf("replication: following epoch %d: %w", cfg.Epoch, err)
}

// replica is one stream on the replica. See DESIGN.md for its goroutines.
type replica struct {
	cfg    FollowConfig
	rpc    peerpb.Peer_FollowClient
	id     uint64 // of the agreement
	cancel context.CancelCauseFunc
	alive  *time.Timer // ends the stream when nothing is heard
	queue  chan entry  // from receive to store

	wakeReceipt, wakeApply chan struct{} // of capacity 1

	mu                    sync.Mutex
	stored                record.Revision // durable, in this stream's history
	round                 uint64          // the newest seen
	committed, compaction record.Revision // the newest seen
	logged                *peerpb.Logged  // the newest seen
	question              question        // the newest seen
	said                  answer          // to the newest question answered; written by apply alone
}

// entry is the records of one message.
type entry struct {
	recs []record.Record
	size int
}

// patience is how long the Primary may say nothing.
func (r *replica) patience() time.Duration {
	return time.Duration(r.cfg.DegradationCount+1) * r.cfg.HeartbeatInterval
}

func (r *replica) follow(ctx context.Context) error {
	state := r.cfg.Store.ElectionState()
	if state.Promised > r.cfg.Epoch {
		return &mvcc.PromisedError{Promised: state.Promised, Epoch: r.cfg.Epoch}
	}
	var err error
	if r.rpc, err = r.cfg.Primary.Follow(ctx, grpc.MaxCallRecvMsgSize(maxMessage)); err != nil {
		return err
	}
	agreed, err := r.agree(ctx, state.Tail)
	if err != nil {
		return err
	}
	if err := r.begin(ctx, agreed); err != nil {
		return err
	}
	defer r.cfg.Metrics.agreed()()
	r.cfg.Following()
	return r.run(ctx)
}

// begin takes the store to the agreement point and says so: the first receipt.
func (r *replica) begin(ctx context.Context, agreed record.Pos) error {
	r.alive.Stop() // nothing is sent before the first receipt
	defer func() { r.alive.Reset(r.patience()) }()
	tail := r.cfg.Store.Tail()
	err := r.cfg.Store.Follow(ctx, r.cfg.Epoch, agreed)
	var conflict *mvcc.TruncateError
	if errors.As(err, &conflict) {
		r.cfg.Logger.Error("this copy holds what the Primary does not have and what must not be removed; nothing was changed",
			"event", logevent.CopiesConflict, "epoch", r.cfg.Epoch, "agreed", agreed, "tail", tail, "error", err)
		return fmt.Errorf("%w: %w", ErrConflict, err)
	}
	if err != nil {
		return err
	}
	if agreed != tail {
		r.cfg.Logger.Warn("removed records that were never committed", "event", logevent.Truncated, "epoch", r.cfg.Epoch, "after", agreed, "tail", tail)
	}
	r.cfg.Applier.Agreed(agreed.Revision)
	r.stored = agreed.Revision
	receipt, err := r.receipt()
	if err != nil {
		return err
	}
	if err := r.say(receipt); err != nil {
		return err
	}
	r.cfg.Logger.Info("following", "event", logevent.Following, "epoch", r.cfg.Epoch, "agreed", agreed)
	return nil
}

// run works until one part of it fails, and returns why.
func (r *replica) run(ctx context.Context) error {
	var wg sync.WaitGroup
	for _, part := range []func(context.Context) error{r.receive, r.store, r.apply, r.receipts} {
		wg.Go(func() { r.cancel(part(ctx)) })
	}
	wg.Wait()
	return context.Cause(ctx)
}

// recv is the next message; each shows that the Primary is alive.
func (r *replica) recv() (*peerpb.FollowResponse, error) {
	msg, err := r.rpc.Recv()
	if err != nil {
		return nil, err
	}
	r.alive.Reset(r.patience())
	if msg.GetBehind() != nil {
		return nil, ErrBehind
	}
	return msg, nil
}

// receive reads and decodes what the Primary sends.
func (r *replica) receive(ctx context.Context) error {
	for {
		msg, err := r.recv()
		if err != nil {
			return err
		}
		a := msg.GetAppend()
		if a == nil {
			return fmt.Errorf("%w: anything but records after the agreement", ErrProtocol)
		}
		e, err := decode(a.Records)
		if err != nil {
			return err
		}
		r.note(a)
		if len(e.recs) == 0 {
			continue
		}
		r.alive.Stop() // waiting for the disk is not the Primary's silence
		select {
		case r.queue <- e:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
		r.alive.Reset(r.patience())
	}
}

func decode(msgs [][]byte) (entry, error) {
	e := entry{recs: make([]record.Record, len(msgs))}
	for i, msg := range msgs {
		var err error
		if e.recs[i], err = datafile.DecodeRecord(msg); err != nil {
			return entry{}, fmt.Errorf("%w: record %d of %d: %w", ErrProtocol, i+1, len(msgs), err)
		}
		e.size += len(msg)
	}
	return e, nil
}

// note remembers what comes along with records. A round is answered at once: the
// answer says nothing of the records.
func (r *replica) note(a *peerpb.Append) {
	r.mu.Lock()
	r.committed = max(r.committed, record.Revision(a.CommittedRevision))
	r.compaction = max(r.compaction, record.Revision(a.CompactionRevision))
	if a.Logged != nil {
		r.logged = a.Logged
	}
	if q := questionOf(a.CompactionQuestion); q.number > r.question.number {
		r.question = q
	}
	asked := a.Round > r.round
	r.round = max(r.round, a.Round)
	r.mu.Unlock()
	if asked {
		notify(r.wakeReceipt)
	}
	notify(r.wakeApply)
}

// store makes records durable, everything that waits in one transaction, and then has
// a receipt sent.
func (r *replica) store(ctx context.Context) error {
	for {
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case e := <-r.queue:
			if err := r.append(ctx, r.merge(e)); err != nil {
				return err
			}
		}
	}
}

// merge adds what else waits.
func (r *replica) merge(e entry) []record.Record {
	for e.size < maxMerged {
		select {
		case more := <-r.queue:
			e.recs, e.size = append(e.recs, more.recs...), e.size+more.size
		default:
			return e.recs
		}
	}
	return e.recs
}

func (r *replica) append(ctx context.Context, recs []record.Record) error {
	if err := r.cfg.Store.AppendFollowed(ctx, r.cfg.Epoch, recs); err != nil {
		return err
	}
	r.cfg.Metrics.stored.Add(float64(len(recs)))
	r.cfg.Applier.Stored(ctx, recs)
	r.mu.Lock()
	r.stored = recs[len(recs)-1].Revision
	r.mu.Unlock()
	notify(r.wakeReceipt)
	notify(r.wakeApply)
	return nil
}

// apply publishes what is committed.
func (r *replica) apply(ctx context.Context) error {
	for {
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-r.wakeApply:
		}
		r.mu.Lock()
		committed, compaction, logged, stored, q := r.committed, r.compaction, r.logged, r.stored, r.question
		r.mu.Unlock()
		if pos := position(logged.GetPos()); pos.Revision > 0 && pos.Revision <= stored {
			r.cfg.Store.SetLogged(record.Revision(logged.First), pos) // what a reign of this node would begin from
		}
		if err := r.cfg.Applier.Committed(ctx, committed, compaction); err != nil {
			return err
		}
		r.answer(q) // after publishing: it may be asked about what is committed just now
		r.cfg.Metrics.lag.Set(float64(committed - r.cfg.Store.Snapshot().Revision()))
	}
}

// receipts sends a receipt when there is something new to say, and at least every
// heartbeat interval.
func (r *replica) receipts(ctx context.Context) error {
	beat := time.NewTimer(r.cfg.HeartbeatInterval)
	defer beat.Stop()
	for {
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-r.wakeReceipt:
		case <-beat.C:
		}
		receipt, err := r.receipt()
		if err != nil {
			return err
		}
		err = r.rpc.Send(receipt)
		if errors.Is(err, io.EOF) {
			<-ctx.Done() // the stream has ended: receive learns why
			return context.Cause(ctx)
		}
		if err != nil {
			return err
		}
		r.cfg.Metrics.sentReceipts.Inc()
		r.cfg.Metrics.lastReceipt.SetToCurrentTime()
		beat.Reset(r.cfg.HeartbeatInterval)
	}
}

// receipt says what holds now. What it says of records and rounds is read before the
// promise is: a round that began after a later promise was made is never answered.
func (r *replica) receipt() (*peerpb.FollowRequest, error) {
	r.mu.Lock()
	stored, round, answer := r.stored, r.round, r.said
	r.mu.Unlock()
	if p := r.cfg.Store.ElectionState().Promised; p != r.cfg.Epoch {
		return nil, &mvcc.PromisedError{Promised: p, Epoch: r.cfg.Epoch}
	}
	return &peerpb.FollowRequest{Message: &peerpb.FollowRequest_Receipt{Receipt: &peerpb.Receipt{
		Incarnation: r.cfg.Self.Incarnation, Epoch: int64(r.cfg.Epoch), Stream: r.id, Revision: int64(stored), Round: round,
		PublishedRevision: int64(r.cfg.Store.Snapshot().Revision()), NeededRevision: int64(r.cfg.Applier.needed()), Compaction: answer.message(),
	}}}, nil
}
