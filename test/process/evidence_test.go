//go:build linux

package process

import (
	"context"
	"testing"

	pb "go.etcd.io/etcd/api/v3/etcdserverpb"

	"github.com/netsy-io/netsy/pkg/objectlog"
	"github.com/netsy-io/netsy/pkg/objectstore/file"
)

// conclude makes the last write through c, gathers the evidence and has it judged.
// Writers must have been stopped.
func (c *cluster) conclude(ctx context.Context, h *history, live *watcher, cl *client) {
	c.t.Helper()
	e := evidence{End: sentinel(c.t, ctx, h, cl)}
	e.Live = live.through(c.t, ctx, e.End)
	fresh := startWatcher(c.t, cl)
	e.Fresh = fresh.through(c.t, ctx, e.End)
	fresh.stop()
	e.State = readAll(c.t, ctx, cl)
	e.Chunks = c.readLog(ctx)
	var stale []string
	e.Ops, stale = h.snapshot()
	for _, fault := range append(check(e), stale...) {
		c.t.Error(fault)
	}
	live.mu.Lock()
	streams := live.streams
	live.mu.Unlock()
	c.t.Logf("%d ops: %d done, %d refused, %d unknown; %d revisions in %d chunks; %d watch streams", len(e.Ops),
		h.count(func(o op) bool { return o.Outcome == done }), h.count(func(o op) bool { return o.Outcome == refused }),
		h.count(func(o op) bool { return o.Outcome == unknown }), e.End, len(e.Chunks), streams)
}

func readAll(t testing.TB, ctx context.Context, c *client) map[string]event {
	t.Helper()
	ctx, cancel := context.WithTimeout(ctx, eventTimeout)
	defer cancel()
	var r *pb.RangeResponse
	until(t, ctx, "everything can be read", func(ctx context.Context) (err error) {
		r, err = c.kv.Range(ctx, &pb.RangeRequest{Key: []byte{0}, RangeEnd: []byte{0}})
		return err
	})
	state := map[string]event{}
	for _, kv := range r.Kvs {
		state[string(kv.Key)] = event{
			Rev: kv.ModRevision, Key: string(kv.Key), Value: string(kv.Value), Create: kv.CreateRevision, Version: kv.Version, Lease: kv.Lease,
		}
	}
	return state
}

// readLog reads the object log straight from the bucket.
func (c *cluster) readLog(ctx context.Context) (chunks []objectlog.Chunk) {
	c.t.Helper()
	store, err := file.Open(ctx, file.Config{Dir: c.objects})
	c.must(err)
	_, err = objectlog.New(store, objectlog.Options{}).Read(ctx, 0, func(ch objectlog.Chunk) error {
		chunks = append(chunks, ch)
		return nil
	})
	c.must(err)
	return chunks
}
