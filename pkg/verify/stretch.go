package verify

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/netsy-io/netsy/pkg/bucket"
	"github.com/netsy-io/netsy/pkg/history"
	"github.com/netsy-io/netsy/pkg/objectlog"
	"github.com/netsy-io/netsy/pkg/record"
	"github.com/netsy-io/netsy/pkg/snapshot"
)

// stretch is the part of the history between two points: a snapshot, or the beginning,
// and the next snapshot, or the end. What the first and the chunks between lead to is
// held against the second, the target.
//
// Where slots may have been freed, the chunks count only if they are proven to connect
// the two (history.Run). If they don't, they are passed over, and what can be said of the
// target without them is checked.
type stretch struct {
	p       *pass
	base    point  // zero: the beginning
	known   bool   // the state at base is
	target  *point // nil: the end of the log
	trusted bool   // none of its slots can have been freed

	src    *history.Checker
	run    *history.Run
	cmp    *history.Comparer
	reader *snapshot.Reader // of the target
	found  []Finding
	more   int
	broken error // why the chunks don't connect
	joined bool  // chunks were taken
	carry  *bucket.Chunk

	counted int64 // records of the target that are in the totals
}

// mostRecords bounds the contradictory records that are told of each stretch.
const mostRecords = 10

// begin begins the first stretch.
func (p *pass) begin(ctx context.Context) error {
	return p.enter(ctx, point{}, p.origin <= 0, nil)
}

// advance goes on behind the target of the stretch that has ended.
func (p *pass) advance(ctx context.Context) error {
	p.at++
	return p.enter(ctx, *p.now.target, true, p.now.carry)
}

// enter begins the stretch from base on. carry is a chunk that began before and goes
// beyond base.
func (p *pass) enter(ctx context.Context, base point, known bool, carry *bucket.Chunk) error {
	p.now.close()
	s := &stretch{p: p, base: base, known: known, trusted: base.rev() >= p.freed, carry: carry}
	p.now = s
	if p.at < len(p.points) {
		s.target = &p.points[p.at]
	}
	return s.open(ctx)
}

// open begins the comparison: the target's reader, and the state at base.
func (s *stretch) open(ctx context.Context) (err error) {
	s.close()
	s.cmp = nil
	var records *snapshot.Reader
	var first record.Record
	if s.base.rev() > 0 {
		if records, err = s.p.v.snapshots.Open(ctx, s.base.rev()); err == nil {
			defer records.Close()
			first, err = records.Next()
		}
		if err != nil {
			return s.unreadable(s.base, err)
		}
		s.src = history.NewSource(records.Header().Purged, &first)
	} else {
		s.src = history.NewSource(0, nil)
	}
	if err := s.openTarget(ctx); err != nil {
		return err
	}
	for rec := first; records != nil; {
		if err := s.feed(&rec, true); err != nil {
			return err
		}
		if rec, err = records.Next(); err == io.EOF {
			break
		} else if err != nil {
			return s.unreadable(s.base, err)
		}
	}
	s.src.Strict()
	start, _ := s.src.Of([]byte(record.EpochStartKey))
	s.run = history.NewRun(s.base.pos, start.Revision, s.p.freed, s.witnesses())
	return nil
}

func (s *stretch) openTarget(ctx context.Context) (err error) {
	if s.target == nil {
		return nil
	}
	if s.reader, err = s.p.v.snapshots.Open(ctx, s.target.rev()); err == nil {
		s.cmp, err = history.NewComparer(s.src, s.base.rev(), history.Target{Records: &counted{s: s}, Purged: s.reader.Header().Purged, Last: s.target.rev()})
	}
	if err != nil {
		return s.unreadable(*s.target, err)
	}
	return nil
}

// counted is the target's records, counted into the totals.
type counted struct {
	s *stretch
	n int64
}

func (c *counted) Next() (record.Record, error) {
	rec, err := c.s.reader.Next()
	if c.n++; err == nil && c.n > c.s.counted { // the target may be read a second time
		c.s.counted = c.n
		c.s.p.report.Totals.record(&rec)
	}
	return rec, err
}

func (s *stretch) witnesses() (w []record.Pos) {
	for _, p := range s.p.points {
		w = append(w, p.pos)
	}
	return w
}

// unreadable tells a damaged snapshot, which ends the pass, from other errors.
func (s *stretch) unreadable(p point, err error) error {
	if objectlog.Damaged(err) || bucket.Gone(err) || errors.Is(err, snapshot.ErrChanged) {
		return &badSnapshot{rev: p.rev(), err: err}
	}
	return fmt.Errorf("verify: %w", err)
}

// take looks at the chunk of the next slot.
func (s *stretch) take(ctx context.Context, c *bucket.Chunk) error {
	if s.carry != nil && c.Revision > s.run.Next() {
		if err := s.add(s.carry); err != nil {
			return err
		}
	}
	s.carry = nil
	return s.add(c)
}

func (s *stretch) add(c *bucket.Chunk) error {
	if s.broken != nil || !s.known {
		return nil
	}
	if c.Err != nil {
		s.broken = c.Err
		return nil
	}
	if err := s.run.Add(c.Revision, c.Records); err != nil {
		s.breaks(c, err)
		return nil
	}
	s.joined = true
	for i := range c.Records {
		if r := &c.Records[i]; r.Revision > s.base.rev() {
			if err := s.feed(r, false); err != nil {
				return err
			}
		}
	}
	s.carry = nil
	if s.target != nil && c.Last().Revision > s.target.rev() {
		s.carry = c
	}
	return nil
}

// breaks keeps why the run ends. What the chain's own rule doesn't tell is told here.
func (s *stretch) breaks(c *bucket.Chunk, err error) {
	s.broken = err
	switch {
	case !s.trusted:
	case errors.Is(err, history.ErrOther):
		s.p.report.add(Finding{Error, KindHistory, c.Key, err.Error(), nextHistory})
	case errors.Is(err, history.ErrEpochStart):
		s.p.report.add(Finding{Error, KindRecord, c.Key, err.Error(), nextHistory})
	}
}

// feed takes the next record of the history.
func (s *stretch) feed(r *record.Record, fromBase bool) error {
	if s.cmp != nil {
		if err := s.cmp.Feed(r); err != nil {
			return s.unreadable(*s.target, err)
		}
	}
	err := s.src.Add(r)
	if err == nil || fromBase && s.base.rev() > 0 { // told when base was the target
		return nil
	}
	if len(s.found) == mostRecords {
		s.more++
		return nil
	}
	s.found = append(s.found, Finding{Error, KindRecord, objectlog.ChunkKey(r.Revision), err.Error(), nextHistory})
	return nil
}

// finish ends the stretch before its target, or at the end of the log.
func (s *stretch) finish(ctx context.Context) error {
	if s.carry != nil && !s.joined {
		if err := s.add(s.carry); err != nil {
			return err
		}
	}
	if s.broken == nil && s.known && s.target != nil && s.run.Last().Revision < s.target.rev() {
		s.broken = fmt.Errorf("revision %d is missing", s.run.Next())
	}
	if s.target == nil {
		s.tell()
		return nil
	}
	if !s.trusted && s.broken != nil && s.joined {
		// The chunks prove nothing: what they led to is forgotten.
		s.leftover()
		s.found, s.more, s.joined = nil, 0, false
		if err := s.open(ctx); err != nil {
			return err
		}
	}
	faults, complete, err := s.cmp.Finish()
	if err != nil {
		return s.unreadable(*s.target, err)
	}
	key := objectlog.SnapshotKey(s.target.rev())
	for _, f := range faults {
		s.p.report.add(difference(key, f))
	}
	if !complete && len(faults) == 0 {
		s.unchecked(key)
	}
	s.tell()
	s.p.done.Objects++
	s.p.v.o.Progress(s.p.done)
	return nil
}

// tell reports the records that contradict each other.
func (s *stretch) tell() {
	for _, f := range s.found {
		s.p.report.add(f)
	}
	if s.more > 0 {
		s.p.report.add(Finding{Error, KindRecord, "chunks/", fmt.Sprintf("and %d more records", s.more), ""})
	}
}

// unchecked notes that the target can't be recomputed.
func (s *stretch) unchecked(key string) {
	switch {
	case s.target.rev() == s.p.origin:
		s.p.report.add(Finding{Note, KindBootstrap, key, "is what the cluster begins with", ""})
	case s.trusted:
		s.p.report.add(Finding{Note, KindUnchecked, key, "is sound and agrees with the snapshot before it; it can't be recomputed: " + s.broken.Error(), ""})
	default:
		s.p.report.add(Finding{Note, KindUnchecked, key, "is sound and agrees with the snapshot before it; it can't be recomputed, since chunks before it are freed", ""})
	}
}

// leftover notes why chunks in slots that may have been freed are passed over.
func (s *stretch) leftover() {
	var run *history.RunError
	if !errors.As(s.broken, &run) || errors.Is(s.broken, history.ErrGap) {
		return
	}
	s.p.report.add(Finding{Note, KindLeftover, objectlog.ChunkKey(run.Slot), "in a slot that was freed: " + s.broken.Error(), "it isn't part of the log; the compactor removes it"})
}

// difference makes a finding of what a Comparer found.
func difference(key string, err error) Finding {
	f := Finding{Severity: Error, Kind: KindRecord, Key: key, Message: err.Error(),
		Next: "keep the snapshot before it and all chunks, copy the bucket, and report it; if the newest snapshot is wrong, nodes that load it serve wrong data"}
	switch {
	case errors.Is(err, history.ErrLacks):
		f.Kind = KindLacks
	case errors.Is(err, history.ErrExtra):
		f.Kind = KindExtra
	case errors.Is(err, history.ErrDiffers):
		f.Kind = KindDiffers
	}
	return f
}

// close ends the target's reader.
func (s *stretch) close() {
	if s != nil && s.reader != nil {
		s.reader.Close()
		s.reader = nil
	}
}
