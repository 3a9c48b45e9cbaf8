package compactor

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/netsy-io/netsy/pkg/logevent"
	"github.com/netsy-io/netsy/pkg/objectlog"
	"github.com/netsy-io/netsy/pkg/objectstore"
	"github.com/netsy-io/netsy/pkg/record"
	"github.com/netsy-io/netsy/pkg/snapshot"
)

// pass is one pass. Each part begins with a listing of its own, so nothing that it does
// relies on what was found before another compactor, or a reader's error, came between.
type pass struct {
	*Compactor
	compaction record.Revision // the compaction revision, or an older one
	report     Report
	problems   []error // what doesn't keep the pass from going on, but must not be passed over
	spoken     time.Time
}

// rounds bounds how often a pass begins anew because another compactor was faster.
const rounds = 3

// run makes the pass. Everything that it writes is conditional on what it read.
func (p *pass) run(ctx context.Context) error {
	var err error
	for n := 1; ; n++ {
		if err = p.write(ctx, p.compaction); n == rounds || !overtook(err) {
			break
		}
		p.logger.Info("another compactor was faster, beginning anew", "event", logevent.CompactorOvertaken, "reason", err)
	}
	if err == nil {
		err = p.free(ctx)
	}
	for _, rev := range p.report.Corrupt {
		p.problems = append(p.problems, p.known[rev].err)
	}
	return errors.Join(append([]error{err}, p.problems...)...)
}

// overtook says whether an error is what a pass meets when another one frees what it reads.
func overtook(err error) bool {
	return errors.Is(err, objectlog.ErrGap) || errors.Is(err, objectlog.ErrSuperseded) ||
		errors.Is(err, snapshot.ErrBase) && errors.Is(err, objectstore.ErrNotFound)
}

// list lists the snapshots with what is known of them, and forgets what isn't there.
func (p *pass) list(ctx context.Context) ([]judged, error) {
	listed, err := p.snapshots.List(ctx)
	if err != nil {
		return nil, fmt.Errorf("listing snapshots: %w", err)
	}
	return p.judge(listed), nil
}

func (c *Compactor) judge(listed []snapshot.Listed) []judged {
	known, list := map[record.Revision]knowledge{}, make([]judged, len(listed))
	for i, l := range listed {
		list[i] = judged{Listed: l}
		if k, ok := c.known[l.Revision]; ok && k.version == l.Version {
			list[i].state, known[l.Revision] = k.state, k
		}
	}
	c.known = known
	return list
}

// learn notes what reading a snapshot has shown.
func (p *pass) learn(s judged, err error) state {
	k := knowledge{version: s.Version, state: sound}
	if err != nil {
		k.state, k.err = corrupt, &CorruptError{s.Revision, err}
		p.logger.Error("a snapshot is corrupt; it is left in place and the one before it is used", "event", logevent.SnapshotCorrupt,
			"key", objectlog.SnapshotKey(s.Revision), "error", err)
	}
	p.known[s.Revision] = k
	return k.state
}

// complain notes the corrupt snapshots, which are problems of the pass. One below two sound
// ones matters no more: it goes when it is old.
func (p *pass) complain(list []judged) {
	p.report.Corrupt = nil
	second := secondSound(list)
	for _, s := range list {
		if s.state == corrupt && s.Revision > second {
			p.report.Corrupt = append(p.report.Corrupt, s.Revision)
		}
	}
	p.metrics.corrupt.Set(float64(len(p.report.Corrupt)))
	if s, ok := newestUsable(list); ok {
		p.report.Newest = s.Revision
	}
	p.metrics.newest.Set(float64(p.report.Newest))
}

// beyond measures the log behind a snapshot.
func (c *Compactor) beyond(ctx context.Context, base judged, now time.Time) (b Beyond, last slot, err error) {
	t, err := c.bucket.tail(ctx, base.Revision)
	if err != nil || t.chunks == 0 {
		return Beyond{}, slot{}, err
	}
	f, err := c.bucket.facts(ctx, t.last)
	if err != nil {
		return Beyond{}, slot{}, fmt.Errorf("looking where the log ends: %w", err)
	}
	// A chunk has at least as many records as revisions; in one for one client write each, as
	// many. That is near enough for a threshold.
	end := t.last.first + record.Revision(max(f.header.RecordsCount, 1)) - 1
	since := base.Modified
	if base.Revision == 0 {
		since = t.first.Modified
	}
	return Beyond{Records: int64(end - base.Revision), Size: t.size, Age: now.Sub(since), Base: base.Size}, t.last, nil
}

// write writes a snapshot if one is due.
func (p *pass) write(ctx context.Context, compaction record.Revision) error {
	list, err := p.list(ctx)
	if err != nil {
		return err
	}
	now, err := p.bucket.modified(ctx, LockKey)
	if err != nil {
		return fmt.Errorf("asking for the time of the store: %w", err)
	}
	base, _ := newestUsable(list)
	b, last, err := p.beyond(ctx, base, now)
	if err != nil {
		return err
	}
	p.report.Beyond = b.Records
	p.metrics.beyond.Set(float64(b.Records))
	p.metrics.beyondBytes.Set(float64(b.Size))
	reason := p.o.Thresholds.due(b)
	if reason == "" {
		p.complain(list)
		return nil
	}
	if n := len(list); n > 0 && list[n-1].state == corrupt && last.first <= list[n-1].Revision {
		p.complain(list) // the log ends where the corrupt one does: its place is taken
		p.problems = append(p.problems, fmt.Errorf("no snapshot can be written in the place of %q: one is due, and can be written as soon as the log goes on: any write does that", objectlog.SnapshotKey(list[n-1].Revision)))
		return nil
	}
	return p.merge(ctx, list, compaction, reason)
}

// merge writes the snapshot at the log's end, from the newest one that is sound.
func (p *pass) merge(ctx context.Context, list []judged, compaction record.Revision, reason string) error {
	for {
		base, _ := newestUsable(list)
		draft, info, err := p.snapshots.Merge(ctx, p.log, snapshot.MergeOptions{
			Base: base.Revision, Compaction: compaction, Progress: p.progress(logevent.SnapshotMerging),
		})
		if errors.Is(err, snapshot.ErrBase) && objectlog.Damaged(err) {
			i := slices.IndexFunc(list, func(s judged) bool { return s.Revision == base.Revision })
			list[i].state = p.learn(base, err)
			continue
		}
		p.complain(list)
		if err != nil {
			return p.unmerged(list, base, err)
		}
		defer draft.Close()
		if base.Revision > 0 {
			p.learn(base, nil)
		}
		return p.publish(ctx, draft, info, reason)
	}
}

// unmerged explains why there is no snapshot, where the reason isn't obvious.
func (p *pass) unmerged(list []judged, base judged, err error) error {
	above := 0
	for _, s := range list {
		if s.Revision > base.Revision {
			above++
		}
	}
	if errors.Is(err, objectlog.ErrSuperseded) && above >= 2 {
		err = fmt.Errorf("%d snapshots above %q are corrupt, and the log behind it may have been freed because of them: nodes that are up to date hold the data; "+
			"leave the bucket as it is, keep them running, and take a copy of it (docs/operations.md): %w", above, objectlog.SnapshotKey(base.Revision), err)
	}
	return err
}

// publish puts the draft into the bucket.
func (p *pass) publish(ctx context.Context, draft *snapshot.Draft, info snapshot.Info, reason string) error {
	created, err := p.snapshots.Publish(ctx, draft, p.progress(logevent.SnapshotPublishing))
	if err != nil {
		return fmt.Errorf("a snapshot was made and could not be published: %w", err)
	}
	list, err := p.list(ctx)
	if err != nil {
		return err
	}
	for _, s := range list {
		if s.Revision == info.Last.Revision {
			p.learn(s, nil) // Publish has read it back
		}
	}
	p.report.Written, p.report.Because = info.Last.Revision, reason
	p.metrics.written.Inc()
	p.logger.Info("snapshot written", "event", logevent.SnapshotWritten, "key", info.Key, "created", created, "epoch", info.Last.Epoch,
		"purged", info.Purged, "records", info.Records, "bytes", info.Size, "because", reason)
	return nil
}

// progressEvery is how often long work says how far it is.
const progressEvery = 10 * time.Second

func (p *pass) progress(event string) func(snapshot.Progress) {
	return func(g snapshot.Progress) {
		if p.due() {
			p.logger.Info("working", "event", event, "phase", g.Phase, "records", g.Records, "of_records", g.OfRecords, "bytes", g.Bytes, "of_bytes", g.OfBytes)
		}
	}
}

// due says whether it is time to say how far the work is.
func (p *pass) due() bool {
	if p.spoken.IsZero() {
		p.spoken = time.Now()
	}
	if time.Since(p.spoken) < progressEvery {
		return false
	}
	p.spoken = time.Now()
	return true
}
