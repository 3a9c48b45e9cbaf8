package statuspage

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/netsy-io/netsy/pkg/clusterview"
	"github.com/netsy-io/netsy/pkg/logevent"
	"github.com/netsy-io/netsy/pkg/netsypb/peerpb"
	"github.com/netsy-io/netsy/pkg/objectstore"
	"github.com/netsy-io/netsy/pkg/record"
	"github.com/netsy-io/netsy/pkg/recovery"
	"github.com/netsy-io/netsy/pkg/registry"
)

const (
	// askTimeout bounds the question to one node: longer than one that works needs, shorter
	// than a viewer waits.
	askTimeout = 1500 * time.Millisecond
	// readTimeout bounds one turn of reading the bucket, retries included.
	readTimeout = 10 * time.Second
	// patience is how long a viewer waits for nodes, and for the bucket's first word.
	patience = 2 * time.Second
	// laterPatience is how long it waits for the bucket once that is known: one that hangs
	// must not slow the page down.
	laterPatience = 300 * time.Millisecond
)

// survey is one look at the cluster, shared by all who view it. Two things are under way at a
// time at most: one round of questions to the nodes, one turn of reading the bucket. They
// are begun by viewers and by nothing else. Safe for concurrent use.
type survey struct {
	o      Options
	reader *clusterview.Reader // of the turn under way
	ctx    context.Context
	wg     sync.WaitGroup

	mu      sync.Mutex
	closed  bool
	asking  chan struct{} // closed when the round under way ends; nil: none is
	reading chan struct{} // alike, of the turn
	known   knowledge
}

// knowledge is what was found out, each part as of its own moment.
type knowledge struct {
	parts                              clusterview.Parts
	asked                              time.Time // when the answers in parts were asked for
	office, registered, end, snapshots moments
	renewed                            time.Time       // when the elector's lock was first seen as it is
	committedAtEnd                     record.Revision // what the Primary had committed when the end was read; -1: not known
	trouble                            error           // why the bucket could not be read; nil: it could
}

func newSurvey(ctx context.Context, o Options) *survey {
	return &survey{o: o, ctx: ctx, reader: clusterview.NewReader(o.Store, o.ClusterID), known: knowledge{committedAtEnd: -1}}
}

// look begins whatever is due, waits for it as long as is reasonable, and returns what is
// known then.
func (s *survey) look(ctx context.Context) sight {
	now := time.Now()
	s.mu.Lock()
	reading, wait := s.beginReading(now), laterPatience
	if s.known.office.tried.IsZero() {
		wait = patience
	}
	asking := s.beginAsking(now)
	s.mu.Unlock()
	t := time.NewTimer(patience)
	defer t.Stop()
	await(ctx, asking, t.C)
	if reading != nil {
		t.Reset(max(wait-time.Since(now), 0))
		await(ctx, reading, t.C)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.sight(time.Now())
}

func await(ctx context.Context, done <-chan struct{}, late <-chan time.Time) {
	if done == nil {
		return
	}
	select {
	case <-done:
	case <-late:
	case <-ctx.Done():
	}
}

// wait ends with everything that was begun. Nothing begins afterwards.
func (s *survey) wait() {
	s.mu.Lock()
	s.closed = true
	s.mu.Unlock()
	s.wg.Wait()
}

// beginAsking returns the round under way, or begins one if it is time; nil: it isn't. mu is held.
func (s *survey) beginAsking(now time.Time) <-chan struct{} {
	if s.asking != nil || s.closed || now.Sub(s.known.asked) < askEvery {
		return s.asking
	}
	done, first := make(chan struct{}), s.reading
	if !s.known.registered.read.IsZero() {
		first = nil
	}
	s.asking = done
	s.wg.Go(func() {
		defer close(done)
		t := time.NewTimer(patience / 2)
		defer t.Stop()
		await(s.ctx, first, t.C) // whom to ask is in the bucket
		s.ask()
	})
	return done
}

// ask asks all nodes that are known.
func (s *survey) ask() {
	s.mu.Lock()
	nodes, now := s.nodes(), time.Now()
	s.mu.Unlock()
	answers := recovery.AskAll(s.ctx, nodes, func(ctx context.Context, n registry.Node) (*peerpb.NodeState, error) {
		ctx, cancel := context.WithTimeout(ctx, askTimeout)
		defer cancel()
		return s.o.Ask(ctx, n)
	})
	s.mu.Lock()
	defer s.mu.Unlock()
	s.known.parts.Asked, s.known.asked, s.asking = answers, now, nil
}

// beginReading returns the turn under way, or begins one if something is due; nil: nothing is. mu is held.
func (s *survey) beginReading(now time.Time) <-chan struct{} {
	turn := s.turn(now)
	if s.reading != nil || s.closed || turn == (parts{}) {
		return s.reading
	}
	done := make(chan struct{})
	s.reading = done
	s.wg.Go(func() {
		defer close(done)
		ctx, cancel := context.WithTimeout(s.ctx, readTimeout)
		defer cancel()
		err := s.read(ctx, turn)
		s.mu.Lock()
		defer s.mu.Unlock()
		s.reading = nil
		s.report(err)
	})
	return done
}

// parts of the bucket.
type parts struct{ office, registered, end, snapshots bool }

// turn says what to read now. mu is held.
func (s *survey) turn(now time.Time) parts {
	k := &s.known
	registeredEvery := listEvery
	if s.strangers() {
		registeredEvery = officeEvery
	}
	if k.trouble == nil && s.endIsKnown() {
		k.end.mark(k.asked, nil)
	}
	return parts{
		office:     due(now, k.office, officeEvery, s.newerOffice() || s.unsettled()),
		registered: due(now, k.registered, registeredEvery, false),
		end:        due(now, k.end, listEvery, false),
		snapshots:  due(now, k.snapshots, listEvery, false),
	}
}

// read reads those parts. After a failure it reads no more: the next would fail alike, later.
// A cluster that hasn't begun has no more than that.
func (s *survey) read(ctx context.Context, p parts) error {
	now, r := time.Now(), s.reader
	k := &s.known
	return errors.Join(step(s, p.office, &k.office, now, func() (*clusterview.Office, error) { return r.Office(ctx) }, s.setOffice),
		step(s, p.registered, &k.registered, now, func() (*clusterview.Registered, error) { return r.Registered(ctx) }, func(v *clusterview.Registered) { k.parts.Registered = v }),
		step(s, p.end, &k.end, now, func() (*recovery.LogEnd, error) { return r.End(ctx) }, s.setEnd),
		step(s, p.snapshots, &k.snapshots, now, func() (*clusterview.Snapshots, error) { return r.Snapshots(ctx) }, func(v *clusterview.Snapshots) { k.parts.Snapshots = v }))
}

// step reads one part, if it is due.
func step[T any](s *survey, due bool, m *moments, now time.Time, read func() (*T, error), set func(*T)) error {
	if !due {
		return nil
	}
	v, err := read()
	s.mu.Lock()
	defer s.mu.Unlock()
	if m.mark(now, err); err == nil {
		set(v)
	}
	return err
}

func (s *survey) setOffice(o *clusterview.Office) {
	if k := &s.known; k.parts.Office == nil || k.parts.Office.Renewed != o.Renewed {
		k.renewed = k.office.read
	}
	s.known.parts.Office = o
}

func (s *survey) setEnd(e *recovery.LogEnd) {
	s.known.parts.End, s.known.committedAtEnd = e, -1
	if p := s.primary(); p != nil {
		s.known.committedAtEnd = p.Committed
	}
}

// report keeps what is wrong with the bucket, and logs it once: the page has it in few words. mu is held.
func (s *survey) report(err error) {
	if s.ctx.Err() != nil {
		return
	}
	if err != nil && (s.known.trouble == nil || s.known.trouble.Error() != err.Error()) {
		s.o.Logger.Warn("the status page can't read the bucket", "event", logevent.StatusPageBlind, "error", err)
	}
	s.known.trouble = err
}

// notBegun: there is no cluster.json.
func notBegun(err error) bool { return errors.Is(err, registry.ErrNotFound) }

// refused: it isn't that object storage is away.
func refused(err error) bool { return errors.Is(err, objectstore.ErrPermanent) }

// damaged: a document can't be understood, or is another cluster's.
func damaged(err error) bool { return registry.Permanent(err) && !refused(err) }
