//go:build linux

package process

import (
	"context"
	"io"
	"time"

	"github.com/netsy-io/netsy/pkg/objectlog"
	"github.com/netsy-io/netsy/pkg/objectstore"
	"github.com/netsy-io/netsy/pkg/objectstore/file"
	"github.com/netsy-io/netsy/pkg/record"
	"github.com/netsy-io/netsy/pkg/snapshot"
	"github.com/netsy-io/netsy/test/internal/check"
	"github.com/netsy-io/netsy/test/internal/load"
)

// conclude makes the last write through c, gathers the evidence and has it judged.
// Writers must have been stopped. live ran all the time; dead ones until their node died.
func (c *cluster) conclude(ctx context.Context, h *check.History, live *load.Watcher, cl *load.Client, dead ...*load.Watcher) {
	c.t.Helper()
	e := check.Evidence{End: load.Sentinel(c.t, ctx, h, cl), Counters: []string{load.CounterKey}, Patience: time.Minute}
	fresh := load.Watch(c.t, cl, 1)
	for _, w := range []*load.Watcher{live, fresh} {
		e.Watches = append(e.Watches, w.Through(c.t, ctx, e.End))
	}
	fresh.Stop()
	for _, w := range dead {
		e.Watches = append(e.Watches, w.Seen(0))
	}
	e.State = load.ReadAll(c.t, ctx, h, cl)
	e.Chunks = c.readLog(ctx)
	e.Ops = h.Ops()
	for _, fault := range e.Faults() {
		c.t.Error(check.Broken, fault)
	}
	is := func(want check.Outcome) func(check.Op) bool {
		return func(o check.Op) bool { return o.Outcome == want }
	}
	c.t.Logf("%d ops: %d done, %d refused, %d unknown; %d revisions in %d chunks; %d watch streams", len(e.Ops),
		h.Count(is(check.Done)), h.Count(is(check.Refused)), h.Count(is(check.Unknown)), e.End, len(e.Chunks), live.Streams())
}

// readLog reads the object log straight from the bucket. What compactors have put into a
// snapshot counts as one chunk: nothing is reduced here, since revisions aren't compacted.
func (c *cluster) readLog(ctx context.Context) (chunks []objectlog.Chunk) {
	c.t.Helper()
	store, err := file.Open(ctx, file.Config{Dir: c.objects})
	c.must(err)
	list, err := snapshot.New(store, snapshot.Options{}).List(ctx)
	c.must(err)
	after := record.Revision(0)
	if n := len(list); n > 0 {
		after = list[n-1].Revision
		chunks = append(chunks, c.readSnapshot(ctx, store, after))
	}
	_, err = objectlog.New(store, objectlog.Options{}).Read(ctx, after, func(ch objectlog.Chunk) error {
		chunks = append(chunks, ch)
		return nil
	})
	c.must(err)
	return chunks
}

func (c *cluster) readSnapshot(ctx context.Context, store objectstore.Store, rev record.Revision) (ch objectlog.Chunk) {
	c.t.Helper()
	r, err := snapshot.New(store, snapshot.Options{}).Open(ctx, rev)
	c.must(err)
	defer r.Close()
	ch.Header = r.Header()
	for {
		rec, err := r.Next()
		if err == io.EOF {
			return ch
		}
		c.must(err)
		ch.Records = append(ch.Records, rec)
		ch.Header.LeaderID = rec.LeaderID // of whom the reign is that the snapshot ends in
	}
}
