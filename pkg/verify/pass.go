package verify

import (
	"context"
	"errors"
	"fmt"

	"github.com/netsy-io/netsy/pkg/bucket"
	"github.com/netsy-io/netsy/pkg/datafile"
	"github.com/netsy-io/netsy/pkg/objectlog"
	"github.com/netsy-io/netsy/pkg/record"
)

// point is where the history is known by itself: at a sound snapshot, or at its beginning.
type point struct {
	pos    record.Pos
	header datafile.Header
}

func (p point) rev() record.Revision { return p.pos.Revision }

// pass is one look at all chunks and snapshots. The slots are gone through once, in order;
// between each two points lies a stretch.
type pass struct {
	v        *verifier
	contents bucket.Contents
	damaged  map[record.Revision]error // snapshots that earlier passes found damaged
	report   Report

	origin record.Revision // of the history; -1: not known
	freed  record.Revision // slots at or below it may have been freed
	points []point         // sound snapshots, ascending
	chain  *chain
	at     int // the stretch before points[at]
	now    *stretch

	epoch    record.Epoch // the highest of any header
	retained int          // chunks that are merged and still there
	done     Progress
	broken   bool // the present state can't be loaded
}

func newPass(v *verifier, c bucket.Contents, docs *documents, damaged map[record.Revision]error) *pass {
	p := &pass{v: v, contents: c, damaged: damaged, report: Report{Findings: []Finding{}}}
	p.origin = docs.origin(&c)
	p.freed = freedUpTo(p.origin, c.Snapshots)
	p.chain = newChain(p.freed, p.report.add)
	p.done = Progress{Phase: "history", OfObjects: len(c.Chunks) + len(c.Snapshots)}
	for _, f := range append(c.Chunks[:len(c.Chunks):len(c.Chunks)], c.Snapshots...) {
		p.done.OfBytes += f.Size
	}
	return p
}

// freedUpTo is the revision up to which slots may be empty: that of the second-newest
// snapshot, or of the one that the cluster began with.
func freedUpTo(origin record.Revision, snapshots []bucket.File) record.Revision {
	n := len(snapshots)
	switch {
	case n >= 2:
		return snapshots[n-2].Revision
	case origin >= 0:
		return origin
	case n == 1: // without cluster.json nobody knows: take it for what the cluster began with
		return snapshots[0].Revision
	default:
		return 0
	}
}

func (p *pass) run(ctx context.Context) error {
	if err := p.findPoints(ctx); err != nil {
		return err
	}
	if err := p.begin(ctx); err != nil {
		return err
	}
	defer func() { p.now.close() }()
	err := bucket.ReadChunks(ctx, p.v.o.Store, p.contents.Chunks, func(c *bucket.Chunk) error { return p.chunk(ctx, c) })
	if err != nil {
		return fmt.Errorf("verify: reading chunks: %w", err)
	}
	for {
		if err := p.now.finish(ctx); err != nil {
			return err
		}
		if p.now.target == nil {
			break
		}
		if err := p.advance(ctx); err != nil {
			return err
		}
	}
	p.ended()
	return nil
}

// findPoints reads the snapshots' headers; what is behind them is read when its turn comes.
func (p *pass) findPoints(ctx context.Context) error {
	for _, s := range p.contents.Snapshots {
		if err := p.damaged[s.Revision]; err != nil {
			p.snapshotDamaged(s, err)
			continue
		}
		h, err := p.v.snapshots.Header(ctx, s.Revision)
		switch {
		case err == nil:
			p.points = append(p.points, point{record.Pos{Epoch: h.Epoch, Revision: s.Revision}, h})
			p.epoch = max(p.epoch, h.Epoch)
		case objectlog.Damaged(err) || bucket.Gone(err):
			p.snapshotDamaged(s, err)
		default:
			return fmt.Errorf("verify: %w", err)
		}
	}
	p.report.Totals.Snapshots = len(p.contents.Snapshots)
	return nil
}

func (p *pass) snapshotDamaged(s bucket.File, err error) {
	p.report.add(Finding{Error, kindOf(err), s.Key, err.Error(),
		"the cluster uses the snapshot before it, if the chunks since are there; delete this one only once netsyctl snapshot create has made another"})
}

// kindOf names what is wrong with a file.
func kindOf(err error) Kind {
	switch {
	case errors.Is(err, objectlog.ErrMisplaced):
		return KindMisplaced
	case bucket.Gone(err):
		return KindSnapshot
	default:
		return KindDamaged
	}
}

// chunk looks at the next slot.
func (p *pass) chunk(ctx context.Context, c *bucket.Chunk) error {
	for p.now.target != nil && c.Revision > p.now.target.rev() {
		if err := p.now.finish(ctx); err != nil {
			return err
		}
		if err := p.advance(ctx); err != nil {
			return err
		}
	}
	p.count(c)
	p.chain.take(c)
	if c.Revision <= p.freed && c.Err == nil && len(c.Records) > 0 {
		p.retained++
	}
	return p.now.take(ctx, c)
}

// count counts a chunk in, and reports what it is not.
func (p *pass) count(c *bucket.Chunk) {
	p.done.Objects, p.done.Bytes = p.done.Objects+1, p.done.Bytes+c.Size
	p.v.o.Progress(p.done)
	t := &p.report.Totals
	t.Chunks++
	p.epoch = max(p.epoch, c.Header.Epoch)
	switch {
	case bucket.Gone(c.Err):
		t.Chunks--
		if c.Revision > p.freed {
			p.report.add(Finding{Error, KindGap, c.Key, "it was listed, and is gone now, though no two snapshots are above it",
				"something other than Netsy removes objects: look for lifecycle rules on the bucket, and for people"})
		}
	case c.Err != nil && c.Revision <= p.freed:
		p.report.add(Finding{Error, kindOf(c.Err), c.Key, c.Err.Error(), "the cluster doesn't need it any more, snapshots have what was in it; restoring to a revision in it may"})
	case c.Err != nil:
		p.report.add(Finding{Error, kindOf(c.Err), c.Key, c.Err.Error(), "bring the object back from an older version of it, or from a copy of the bucket"})
	case len(c.Records) == 0:
		t.Tombstones++
	case c.Revision <= p.freed: // it may be a leftover: its numbers say nothing of the log
		t.Records += int64(len(c.Records))
	default:
		t.records(c.Records)
	}
}

// ended says what can be said at the end alone.
func (p *pass) ended() {
	if n := len(p.contents.Snapshots); n > 0 {
		p.chain.end(p.contents.Snapshots[n-1].Revision)
	}
	p.report.Totals.Keys = p.now.src.Keys()
	if p.retained > 0 {
		p.report.add(Finding{Note, KindRetained, "chunks/", fmt.Sprintf("%d chunks at or below revision %d are in snapshots and still there", p.retained, p.freed),
			"the compactor frees them when they are old enough"})
	}
	p.judgePresent()
}

// judgePresent says whether a cluster could load its state: the newest sound snapshot, and
// everything since.
func (p *pass) judgePresent() {
	s := p.now
	if !s.known {
		p.broken = true
		p.report.add(Finding{Error, KindState, "snapshots/", "no snapshot is sound, and the chain doesn't reach back to the beginning: the state can't be loaded",
			"keep a copy of the bucket, and bring back the snapshots from older versions of the objects"})
		return
	}
	if s.broken != nil {
		p.broken = true
		from := "the beginning"
		if s.base.rev() > 0 {
			from = objectlog.SnapshotKey(s.base.rev())
		}
		p.report.add(Finding{Error, KindState, "chunks/", fmt.Sprintf("nothing leads from %s to the end of the log: %v", from, s.broken), "mend the chain first; until then nodes without a copy of their own can't start, and none should be wiped"})
	}
}
