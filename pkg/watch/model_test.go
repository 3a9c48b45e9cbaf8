package watch

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/netsy-io/netsy/pkg/record"
	pb "go.etcd.io/etcd/api/v3/etcdserverpb"
	"go.etcd.io/etcd/api/v3/mvccpb"
	"pgregory.net/rapid"
)

// The hub is driven by random operations and each stream's responses are judged,
// one by one and in the order of sending, by a reference that knows the whole
// history. Readers read at random moments, so watches fall back and rejoin all the
// time: all bounds are tiny.

type opKind int

const (
	opWrite    opKind = iota
	opInternal        // a revision without visible events
	opBatch           // several revisions in one Publish
	opCreate
	opCancel
	opProgress
	opRead
	opSettle // everybody reads everything
	opCompact
	opReserve // with force or without, and the compaction at once or not
	opSkip    // revisions that come in by SkipTo
	opTick    // time passes: progress ticks
)

type op struct {
	kind   opKind
	stream int
	n      int
	id     int64
	kvs    [][]string
	req    pb.WatchCreateRequest
}

var modelKey = rapid.SampledFrom([]string{"a", "ab", "b", "ba", "c", "_netsy/x"})

var writeGen = rapid.Custom(func(t *rapid.T) []string {
	var kvs []string
	for _, k := range rapid.SliceOfNDistinct(modelKey, 1, 3, rapid.ID[string]).Draw(t, "keys") {
		kvs = append(kvs, k, rapid.SampledFrom([]string{"", "1", "2", "a longer value"}).Draw(t, "value"))
	}
	return kvs
})

var opGen = rapid.Custom(func(t *rapid.T) op {
	o := op{
		kind: rapid.SampledFrom([]opKind{
			opWrite, opWrite, opWrite, opWrite, opWrite, opInternal, opBatch, opCreate, opCreate, opCancel,
			opProgress, opProgress, opRead, opRead, opRead, opSettle, opCompact, opReserve, opReserve, opSkip, opTick,
		}).Draw(t, "op"),
		stream: rapid.IntRange(0, 1).Draw(t, "stream"),
		n:      rapid.IntRange(0, 12).Draw(t, "n"),
		id:     rapid.Int64Range(0, 3).Draw(t, "id"),
	}
	switch o.kind {
	case opWrite, opBatch, opSkip:
		o.kvs = rapid.SliceOfN(writeGen, 1, 4).Draw(t, "writes")
	case opCreate:
		o.req = pb.WatchCreateRequest{
			Key:            []byte(rapid.SampledFrom([]string{"", "a", "ab", "b", "c", "_netsy/x"}).Draw(t, "key")),
			RangeEnd:       []byte(rapid.SampledFrom([]string{"", "\x00", "b", "c", "z"}).Draw(t, "end")),
			StartRevision:  rapid.Int64Range(-1, 40).Draw(t, "start"),
			WatchId:        o.id,
			PrevKv:         rapid.Bool().Draw(t, "prevkv"),
			Fragment:       rapid.Bool().Draw(t, "fragment"),
			ProgressNotify: rapid.Bool().Draw(t, "notify"),
		}
		if rapid.IntRange(0, 3).Draw(t, "filter") == 0 {
			o.req.Filters = []pb.WatchCreateRequest_FilterType{pb.WatchCreateRequest_FilterType(o.n % 2)}
		}
	}
	return o
})

func TestAgainstModel(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		opts := Options{
			RingEvents:      rapid.IntRange(1, 8).Draw(rt, "ring"),
			QueueEvents:     rapid.IntRange(1, 6).Draw(rt, "queue"),
			ChunkRevisions:  rapid.IntRange(1, 5).Draw(rt, "chunk"),
			CatchUpWorkers:  rapid.IntRange(1, 3).Draw(rt, "workers"),
			inlineRevisions: rapid.IntRange(1, 10).Draw(rt, "inline"),
			FragmentBytes:   rapid.IntRange(1, 200).Draw(rt, "fragment"),
		}
		ops := rapid.SliceOfN(opGen, 1, 120).Draw(rt, "ops")
		var err error
		// The bubble is entered with everything drawn, as rapid's failures can't leave it.
		synctest.Test(t, func(*testing.T) { err = runModel(opts, ops) })
		if err != nil {
			rt.Fatal(err)
		}
	})
}

type world struct {
	store   *store
	hub     *Hub
	judges  []*judge
	compact record.Revision
	floor   record.Revision // no watch below it may be admitted
}

func runModel(o Options, ops []op) (err error) {
	o.ProgressInterval = time.Hour
	w := &world{store: newStore()}
	w.store.write()
	w.hub = NewHub(w.store, 1, o)
	defer w.hub.Close(nil)
	for range 2 {
		j := &judge{world: w, stream: w.hub.NewStream(), watches: map[int64]*judged{}}
		w.judges = append(w.judges, j)
		defer j.stream.Close()
	}
	for i, op := range append(ops, op{kind: opSettle}, op{kind: opReserve, n: 2, id: 1}) {
		if err := w.do(op); err != nil {
			return fmt.Errorf("op %d (%+v): %w", i, op, err)
		}
	}
	return nil
}

func (w *world) do(o op) error {
	j := w.judges[o.stream]
	switch o.kind {
	case opWrite:
		evs := w.store.write(o.kvs[0]...)
		w.hub.Publish(w.store.rev, evs)
	case opInternal:
		w.store.write()
		w.hub.Publish(w.store.rev, nil)
	case opBatch, opSkip:
		var evs []*mvccpb.Event
		for _, kvs := range o.kvs {
			evs = append(evs, w.store.write(kvs...)...)
		}
		if o.kind == opSkip {
			w.hub.SkipTo(w.store.rev)
		} else {
			w.hub.Publish(w.store.rev, evs)
		}
	case opCreate:
		return j.create(o.req)
	case opCancel:
		return j.cancel(o.id)
	case opProgress:
		j.stream.Progress()
	case opRead:
		return j.read(o.n)
	case opSettle:
		return w.settle()
	case opCompact:
		w.doCompact(w.store.rev - record.Revision(o.n))
	case opReserve:
		return w.reserve(w.store.rev+2-record.Revision(o.n), o.id == 0, o.stream == 0)
	case opTick:
		time.Sleep(2 * time.Hour)
	}
	return nil
}

// doCompact compacts; every other time the hub isn't told and has to find out.
func (w *world) doCompact(rev record.Revision) {
	if rev <= w.compact {
		return
	}
	w.compact = rev
	w.floor = max(w.floor, rev)
	w.store.setCompact(rev)
	if rev%2 == 0 {
		w.hub.Compacted(rev)
	}
}

// reserve asks for rev. What is agreed to without force must do no watch any harm that
// was there, whether the compaction comes then or later.
func (w *world) reserve(rev record.Revision, force, compact bool) error {
	news := rev > w.floor
	needed, ok := w.hub.Reserve(rev, force)
	switch {
	case !ok && !force && needed >= rev:
		return fmt.Errorf("refused %d although only %d is needed", rev, needed)
	case !ok && rev <= w.store.rev && (force || w.settled()):
		return fmt.Errorf("refused %d for %d", rev, needed)
	case ok && rev > w.store.rev && news:
		return fmt.Errorf("agreed to %d at %d", rev, w.store.rev)
	case !ok && !force && compact: // what it says it needs is all that it needs
		return w.reserve(needed, false, true)
	}
	if ok || force {
		w.floor = max(w.floor, min(rev, w.store.rev))
	}
	if !ok {
		return nil
	}
	if news && !force {
		w.protect(rev)
	}
	if compact {
		w.doCompact(rev)
	}
	return nil
}

// protect notes that every watch was promised to be left alone by a compaction at rev.
func (w *world) protect(rev record.Revision) {
	for _, j := range w.judges {
		for _, x := range j.watches {
			x.promised, x.before = rev, w.compact
		}
		for i := range j.control {
			j.control[i].promised, j.control[i].before = rev, w.compact
		}
	}
}

// settled says whether every client has read everything.
func (w *world) settled() bool {
	for _, j := range w.judges {
		if len(j.control) > 0 {
			return false
		}
		for _, x := range j.watches {
			if len(x.missing(w.store.rev)) > 0 {
				return false
			}
		}
	}
	return true
}

// settle reads everything there is; then nothing may be missing.
func (w *world) settle() error {
	for _, j := range w.judges {
		if err := j.read(1 << 30); err != nil {
			return err
		}
		if len(j.control) > 0 {
			return fmt.Errorf("%d requests have no answer", len(j.control))
		}
		for id, x := range j.watches {
			if x.gone {
				return fmt.Errorf("watch %d began below %d and lives", id, w.floor)
			}
			if len(x.missing(w.store.rev)) > 0 {
				return fmt.Errorf("watch %d never got %v", id, x.missing(w.store.rev)[0])
			}
		}
	}
	if needed, ok := w.hub.MinNeeded(); ok {
		return fmt.Errorf("everything was read, but %d is still needed", needed)
	}
	return nil
}

// judge is the client of one stream.
type judge struct {
	world     *world
	stream    *Stream
	control   []control // requests without answer, in order
	watches   map[int64]*judged
	progress  record.Revision // the highest so far
	fragments int64           // the watch whose fragments are coming; -1 none
	inParts   bool
}

type control struct {
	create bool
	req    pb.WatchCreateRequest
	id     int64
	rev    record.Revision // when asked
	fate
}

// fate is what compaction may do to a watch.
type fate struct {
	gone     bool            // it began too low, and must be cancelled
	promised record.Revision // compactions up to here leave it alone, except those
	before   record.Revision // up to here, which came earlier
}

// judged is a watch as its client should see it.
type judged struct {
	req   pb.WatchCreateRequest
	span  span
	from  record.Revision // wanted from here on
	seen  int             // events of all history looked at
	store *store
	last  record.Revision // of the last event received
	fate
}

func (x *judged) wants(e *mvccpb.Event) bool {
	for _, f := range x.req.Filters {
		if f == pb.WatchCreateRequest_NOPUT && e.Type == mvccpb.PUT || f == pb.WatchCreateRequest_NODELETE && e.Type == mvccpb.DELETE {
			return false
		}
	}
	return record.Revision(e.Kv.ModRevision) >= x.from && x.span.contains(string(e.Kv.Key)) && !record.IsReserved(e.Kv.Key)
}

// missing returns what was not received up to rev.
func (x *judged) missing(rev record.Revision) (evs []*mvccpb.Event) {
	for _, e := range x.store.events[x.seen:] {
		if record.Revision(e.Kv.ModRevision) <= rev && x.wants(e) {
			evs = append(evs, e)
		}
	}
	return evs
}

// take checks that e is the next wanted event.
func (x *judged) take(e *mvccpb.Event) error {
	for ; x.seen < len(x.store.events); x.seen++ {
		want := x.store.events[x.seen]
		if !x.wants(want) {
			continue
		}
		x.seen++
		if e.Kv != want.Kv || e.Type != want.Type {
			return fmt.Errorf("got %v, want %v", e, want)
		}
		// At a compaction revision the previous value is gone for who catches up later.
		rev := record.Revision(e.Kv.ModRevision)
		gone := e.PrevKv == nil && x.store.compactions[rev] && (rev <= x.before || rev > x.promised)
		if x.req.PrevKv && e.PrevKv != want.PrevKv && !gone || !x.req.PrevKv && e.PrevKv != nil {
			return fmt.Errorf("prev_kv of %v is wrong", e)
		}
		x.last = record.Revision(e.Kv.ModRevision)
		return nil
	}
	return fmt.Errorf("got %v, want nothing", e)
}

func (j *judge) create(req pb.WatchCreateRequest) error {
	c := control{create: true, req: req, rev: j.world.store.rev}
	start := record.Revision(req.StartRevision)
	c.gone = start > 0 && start <= c.rev && start < j.world.floor
	j.control = append(j.control, c)
	return j.stream.Create(context.Background(), &req)
}

func (j *judge) cancel(id int64) error {
	// Whether the id is known depends on what is queued: ask the stream itself.
	j.stream.mu.Lock()
	known := j.stream.watchers[id] != nil
	j.stream.mu.Unlock()
	if known {
		j.control = append(j.control, control{id: id, rev: j.world.store.rev})
	}
	return j.stream.Cancel(context.Background(), id)
}

func (j *judge) read(n int) error {
	for range n {
		r, err := recvIdle(j.stream)
		if errors.Is(err, context.DeadlineExceeded) {
			return nil
		}
		if err != nil {
			return err
		}
		if err := j.judge(r); err != nil {
			return fmt.Errorf("%s: %w", show(r), err)
		}
	}
	return nil
}

func (j *judge) judge(r *pb.WatchResponse) error {
	rev := record.Revision(r.Header.Revision)
	if rev < 1 || rev > j.world.store.rev {
		return errors.New("header has an impossible revision")
	}
	if j.inParts && (r.WatchId != j.fragments || len(r.Events) == 0) {
		return errors.New("came between fragments")
	}
	j.inParts, j.fragments = r.Fragment, r.WatchId
	switch {
	case r.Created:
		return j.created(r)
	case r.Canceled:
		return j.canceled(r)
	case len(r.Events) > 0:
		return j.events(r)
	}
	return j.progressed(r, rev)
}

func (j *judge) created(r *pb.WatchResponse) error {
	if len(j.control) == 0 || !j.control[0].create {
		return errors.New("nobody asked, or not now")
	}
	c := j.control[0]
	j.control = j.control[1:]
	sp, ok := parseSpan(c.req.Key, c.req.RangeEnd)
	taken := c.req.WatchId > 0 && j.watches[c.req.WatchId] != nil
	if refuse := c.req.StartRevision < 0 || !ok || taken; refuse != r.Canceled || refuse != (r.WatchId == -1) {
		return fmt.Errorf("refused: %v, want %v", r.Canceled, refuse)
	} else if refuse {
		return nil
	}
	if j.watches[r.WatchId] != nil || c.req.WatchId > 0 && r.WatchId != c.req.WatchId {
		return errors.New("wrong id")
	}
	if record.Revision(r.Header.Revision) != c.rev {
		return fmt.Errorf("created at another revision than %d", c.rev)
	}
	from := record.Revision(c.req.StartRevision)
	if from == 0 {
		from = c.rev + 1
	}
	j.watches[r.WatchId] = &judged{req: c.req, span: sp, from: from, store: j.world.store, fate: c.fate}
	return nil
}

func (j *judge) canceled(r *pb.WatchResponse) error {
	x := j.watches[r.WatchId]
	if x == nil {
		return errors.New("there is no such watch")
	}
	delete(j.watches, r.WatchId)
	if r.CompactRevision == 0 {
		if len(j.control) == 0 || j.control[0].create || j.control[0].id != r.WatchId {
			return errors.New("nobody asked, or not now")
		}
		j.control = j.control[1:]
		return nil
	}
	// It must have needed something that is gone: it can't have received all below.
	c := record.Revision(r.CompactRevision)
	if c > j.world.floor || max(x.from, x.last+1) >= c || !x.gone && x.before < c && c <= x.promised {
		return fmt.Errorf("wanted %d on, compacted at %d, floor %d, it was promised %d", max(x.from, x.last+1), j.world.compact, j.world.floor, x.promised)
	}
	return nil
}

func (j *judge) events(r *pb.WatchResponse) error {
	x := j.watches[r.WatchId]
	if x == nil {
		return errors.New("there is no such watch")
	}
	if x.gone {
		return errors.New("it began below what was reserved")
	}
	for _, e := range r.Events {
		if err := x.take(e); err != nil {
			return err
		}
	}
	if rest := x.missing(x.last); len(rest) > 0 && !r.Fragment {
		return fmt.Errorf("revision %d is split: %v is missing", x.last, rest[0])
	}
	if r.Fragment && !x.req.Fragment {
		return errors.New("fragments for a watch that didn't ask for them")
	}
	if record.Revision(r.Header.Revision) < x.last {
		return errors.New("header is behind the events")
	}
	return nil
}

// progressed checks P1 to P5 of the contract.
func (j *judge) progressed(r *pb.WatchResponse, rev record.Revision) error {
	if rev < j.progress {
		return fmt.Errorf("progress went back from %d", j.progress)
	}
	j.progress = rev
	about := j.watches
	if r.WatchId != -1 {
		x := j.watches[r.WatchId]
		if x == nil || !x.req.ProgressNotify {
			return errors.New("that watch asked for no progress")
		}
		about = map[int64]*judged{r.WatchId: x}
	}
	if len(about) == 0 {
		return errors.New("progress of nothing")
	}
	for id, x := range about {
		if rest := x.missing(rev); len(rest) > 0 {
			return fmt.Errorf("watch %d has not been sent %v", id, rest[0])
		}
		if rev < record.Revision(x.req.StartRevision) {
			return fmt.Errorf("watch %d starts later", id)
		}
	}
	return nil
}
