package objectlog

import (
	"context"
	"errors"
	"fmt"

	"github.com/netsy-io/netsy/pkg/datafile"
	"github.com/netsy-io/netsy/pkg/objectstore"
	"github.com/netsy-io/netsy/pkg/record"
)

// Read passes the chain's chunks that hold revisions above after to fn, in order and
// whole: the first may begin at or below after. It checks that each follows the one
// before, and that the chain really ends where it seems to. It returns where that is; with
// an error the end means nothing.
//
// after is 0, the revision of a snapshot, or a revision up to which the caller is
// known to agree with the log; the end may be below it. Chunks are downloaded ahead
// in parallel, fn is called from the caller's goroutine. Read stops at fn's first error
// and returns it as it is.
//
// What fn is given is the log: a chunk is passed on only once a listing, made after it
// was read, has shown that no slot read so far can have been freed before. That takes
// one listing for each 32 MiB of records. So fn may keep what it got, whatever
// becomes of the rest.
//
// Errors that mean damage or interference are *ChainError or datafile.ErrCorrupt. What
// slots hold that may have been freed meanwhile is neither: then it is ErrSuperseded.
func (l *Log) Read(ctx context.Context, after record.Revision, fn func(Chunk) error) (End, error) {
	snapshots, err := l.snapshots(ctx)
	if err != nil {
		return End{}, err
	}
	if err := judgeStart(after, snapshots); err != nil {
		return End{}, err
	}
	r := &reading{log: l, after: after, floor: after, fn: fn, chain: chain{next: after + 1}}
	if err := r.start(ctx, newestUpTo(after, snapshots)); err != nil {
		return r.chain.end, err
	}
	if err := r.follow(ctx); err != nil {
		return r.chain.end, err
	}
	// Slot r.chain.next was missing; only a listing made after that can tell why.
	if snapshots, err = l.snapshots(ctx); err != nil {
		return r.chain.end, err
	}
	if err := judgeEnd(r.floor, r.chain.next, snapshots); err != nil {
		return r.chain.end, err
	}
	return r.chain.end, r.pass()
}

// reading is one Read.
type reading struct {
	log   *Log
	after record.Revision
	floor record.Revision // every slot that was looked at is above it
	fn    func(Chunk) error
	chain chain

	page []slot // listed and not yet read
	more bool   // the listing goes on behind page

	unproven []Chunk // read, and not yet passed on
	weight   int     // of them in memory, about
}

// Chunks and bytes of memory that wait for a listing: so many that it doesn't show, and as
// much as the read-ahead takes.
const (
	maxUnproven      = 256
	maxUnprovenBytes = defaultReadAhead
	// recordWeight is what a record takes beside its key and value.
	recordWeight = 256
)

// hold keeps a chunk until it is proven to be the log's; it has that done now and then.
func (r *reading) hold(ctx context.Context, ch Chunk) error {
	r.unproven = append(r.unproven, ch)
	for i := range ch.Records {
		r.weight += ch.Records[i].Size() + recordWeight
	}
	if len(r.unproven) < maxUnproven && r.weight < maxUnprovenBytes {
		return nil
	}
	if err := r.trust(ctx); err != nil {
		return err
	}
	return r.pass()
}

// trust says by an error that some slot that was looked at may have been freed before, or that
// it can't tell.
func (r *reading) trust(ctx context.Context) error {
	snapshots, err := r.log.snapshots(ctx)
	if err != nil {
		return err
	}
	return judgeStart(r.floor, snapshots)
}

// pass passes on what was held.
func (r *reading) pass() error {
	for i := range r.unproven {
		if err := r.fn(r.unproven[i]); err != nil {
			return err
		}
		r.unproven[i] = Chunk{}
	}
	r.unproven, r.weight = r.unproven[:0], 0
	return nil
}

// start finds where the chain is to be joined. Mostly that is the slot right behind
// after; else the chunk that holds after, or the one that the chain ends with.
func (r *reading) start(ctx context.Context, snapshot record.Revision) (err error) {
	if r.page, r.more, err = r.log.listPage(ctx, ChunkPrefix, r.after, 0, readAttempts); err != nil {
		return err
	}
	if r.after == 0 || len(r.page) > 0 && r.page[0].first == r.after+1 {
		return nil
	}
	s, ok, err := r.log.locate(ctx, snapshot, r.after)
	switch {
	case err != nil:
		return err
	case ok:
		return r.join(ctx, s.first)
	case snapshot > 0:
		return r.joinSnapshot(ctx, snapshot)
	default:
		r.chain.next = 1
		return nil
	}
}

// join enters the chain at a chunk that begins at or below after.
func (r *reading) join(ctx context.Context, first record.Revision) error {
	// This slot may have been freed when the ones above after can't have been.
	r.floor = min(r.floor, first-1)
	ch, err := r.log.getChunk(ctx, first)
	if err != nil {
		return r.doubt(ctx, missing(first, err))
	}
	r.chain.reach(ch.Info)
	if ch.Info.Last.Revision > r.after {
		return r.hold(ctx, ch)
	}
	return nil
}

// joinSnapshot enters the chain at the end of a snapshot whose chunks are gone.
func (r *reading) joinSnapshot(ctx context.Context, last record.Revision) error {
	h, err := r.log.header(ctx, SnapshotKey(last), readAttempts)
	if err != nil {
		return r.doubt(ctx, err)
	}
	if h.Kind != datafile.Snapshot {
		return &ChainError{Kind: ErrMisplaced, Key: SnapshotKey(last), Err: fmt.Errorf("it is a %v", h.Kind)}
	}
	r.chain.next = last + 1
	r.chain.end.Last = record.Pos{Epoch: h.Epoch, Revision: last}
	r.chain.end.HeaderEpoch = h.Epoch
	return nil
}

// take adds what was downloaded to the chain.
func (r *reading) take(ctx context.Context, d *download) error {
	ch, err := r.link(d)
	if err != nil {
		return r.doubt(ctx, err)
	}
	r.log.metrics.read.Inc()
	r.log.metrics.readBytes.Add(float64(len(d.body)))
	return r.hold(ctx, ch)
}

// link decodes the next chunk and checks that it is one.
func (r *reading) link(d *download) (Chunk, error) {
	if d.err != nil {
		return Chunk{}, missing(d.first, d.err)
	}
	if err := r.chain.place(d.first, ChunkKey(d.first)); err != nil {
		return Chunk{}, err
	}
	ch, err := decodeChunk(d.first, d.body)
	if err != nil {
		return Chunk{}, err
	}
	return ch, r.chain.add(&ch)
}

// missing: a slot that a listing showed was freed since.
func missing(first record.Revision, err error) error {
	if errors.Is(err, objectstore.ErrNotFound) {
		return gap(first, "the listing that showed it before")
	}
	return err
}

// doubt says what it means that the log can't be followed. A slot that may have been freed
// may be empty, or hold what a deposed writer left, which fits nothing: that is no damage,
// and no news. Only a listing made after it was read can tell.
func (r *reading) doubt(ctx context.Context, err error) error {
	if !errors.As(err, new(*ChainError)) && !errors.Is(err, objectstore.ErrNotFound) && !Damaged(err) {
		return err // nothing was read
	}
	if why := r.trust(ctx); why != nil {
		return why
	}
	return err
}

func (l *Log) getChunk(ctx context.Context, first record.Revision) (Chunk, error) {
	body, err := l.get(ctx, ChunkKey(first))
	if err != nil {
		return Chunk{}, err
	}
	return decodeChunk(first, body)
}

func (l *Log) get(ctx context.Context, key string) (body []byte, err error) {
	err = l.retry(ctx, "get", readAttempts, func() error {
		body, _, err = objectstore.ReadAll(ctx, l.store, key, maxChunkObject)
		return err
	})
	return body, err
}

// header reads a file's header with one small range read.
func (l *Log) header(ctx context.Context, key string, attempts int) (h datafile.Header, err error) {
	err = l.retry(ctx, "get", attempts, func() error {
		h, err = ReadHeader(ctx, l.store, key)
		return err
	})
	return h, err
}
