package mvcc

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strconv"
	"testing"

	"go.etcd.io/etcd/api/v3/etcdserverpb"
	"go.etcd.io/etcd/api/v3/mvccpb"
	"golang.org/x/sync/errgroup"

	"github.com/netsy-io/netsy/pkg/record"
)

// history in which everything can be computed: revision r >= 2 puts key r%ring with
// value r, except that every seventh turn of a key deletes it.
const ring = 13

func (h *computed) deleted(rev int64) bool { return rev/ring%7 == 6 }

// valueAt is the revision that key k's value at rev is from; 0 if it has none.
func (h *computed) valueAt(k, rev int64) int64 {
	r := rev - (rev-k+ring)%ring
	if r < 2 || h.deleted(r) {
		return 0
	}
	return r
}

type computed struct {
	*begun
	end record.Revision // or when something has been purged, whichever is later
}

func computedKey(k int64) []byte { return fmt.Appendf(nil, "k%02d", k) }

// TestReadersWhileWritingAndCompacting: whatever revision is read, by range or as
// events, is whole and right, while the history grows, is compacted and purged;
// wherever the values are.
func TestReadersWhileWritingAndCompacting(t *testing.T) {
	for name, valueCache := range map[string]int64{"in memory": 0, "some in memory": 4 * cachedOverhead, "none in memory": noValues} {
		t.Run(name, func(t *testing.T) { readersWhileWritingAndCompacting(t, valueCache) })
	}
}

func readersWhileWritingAndCompacting(t *testing.T, valueCache int64) {
	h := &computed{begun: beginBounded(t, valueCache), end: 1000}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	g, ctx := errgroup.WithContext(ctx)
	g.Go(func() error { defer cancel(); return h.write() })
	for range 2 {
		g.Go(func() error { return until(ctx, h.readOnce) })
		g.Go(func() error { return until(ctx, h.watchOnce) })
		g.Go(func() error { return until(ctx, h.readPresent) })
	}
	g.Go(func() error { return until(ctx, h.compactOnce) })
	if err := g.Wait(); err != nil {
		t.Fatal(err)
	}
}

func until(ctx context.Context, once func() error) error {
	for ctx.Err() == nil {
		if err := once(); err != nil {
			return err
		}
	}
	return nil
}

func (h *computed) write() error {
	for h.w.Revision() < h.end || h.state.Load().purged == 0 {
		var batch []record.Record
		for range 1 + rand.IntN(20) {
			ch, err := h.change(int64(h.w.Revision()) + 1)
			if err != nil {
				return err
			}
			batch = append(batch, ch.Record)
		}
		if err := h.Append(context.Background(), batch); err != nil {
			return err
		}
		h.SetLogged(batch[0].Revision, batch[len(batch)-1].Pos())
		if err := h.Publish(h.w.Snapshot()); err != nil {
			return err
		}
	}
	return nil
}

func (h *computed) change(rev int64) (ch *Change, err error) {
	key := computedKey(rev % ring)
	if h.deleted(rev) {
		_, ch, err = h.w.DeleteRange(&etcdserverpb.DeleteRangeRequest{Key: key}, h.stamp)
	} else {
		_, ch, err = h.w.Put(&etcdserverpb.PutRequest{Key: key, Value: strconv.AppendInt(nil, rev, 10)}, h.stamp)
	}
	if err == nil && ch == nil {
		err = fmt.Errorf("revision %d changed nothing", rev)
	}
	return ch, err
}

// readPresent: the present state can be read whatever is compacted meanwhile.
func (h *computed) readPresent() error {
	sn := h.Snapshot()
	resp, err := h.Range(context.Background(), sn, &etcdserverpb.RangeRequest{Key: []byte{0}, RangeEnd: []byte{0}})
	if err != nil {
		return err
	}
	if resp.Header.Revision < int64(sn.Revision()) {
		return fmt.Errorf("revision %d was read, %d was asked for", resp.Header.Revision, sn.Revision())
	}
	return h.whole(resp, resp.Header.Revision)
}

func (h *computed) readOnce() error {
	sn := h.Snapshot()
	compacted := int64(h.CompactRevision())
	at := 1 + rand.Int64N(int64(sn.Revision()))
	resp, err := h.Range(context.Background(), sn, &etcdserverpb.RangeRequest{Key: []byte{0}, RangeEnd: []byte{0}, Revision: at})
	if errors.Is(err, ErrCompacted) && at < int64(h.CompactRevision()) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("at %d, compacted to %d: %w", at, compacted, err)
	}
	if at < compacted && at != int64(sn.Revision()) {
		return fmt.Errorf("read at %d though compacted to %d", at, compacted)
	}
	return h.whole(resp, at)
}

// whole says what is wrong with all keys as of a revision.
func (h *computed) whole(resp *etcdserverpb.RangeResponse, at int64) error {
	i := 0
	for k := range int64(ring) {
		want := h.valueAt(k, at)
		if want == 0 {
			continue
		}
		if i >= len(resp.Kvs) || resp.Kvs[i].ModRevision != want || string(resp.Kvs[i].Key) != string(computedKey(k)) ||
			string(resp.Kvs[i].Value) != strconv.FormatInt(want, 10) {
			return fmt.Errorf("at %d, key %d should be of %d: %v", at, k, want, resp)
		}
		i++
	}
	if i != len(resp.Kvs) || resp.Count != int64(i) {
		return fmt.Errorf("at %d: %d keys, want %d", at, resp.Count, i)
	}
	return nil
}

func (h *computed) watchOnce() error {
	to := h.Snapshot().Revision()
	from := max(1, to-record.Revision(rand.Int64N(400)))
	next := max(from, 2)
	err := h.Events(context.Background(), from, to, []byte{0}, []byte{0}, func(rev record.Revision, evs []*mvccpb.Event) error {
		if rev != next || len(evs) != 1 || evs[0].Kv.ModRevision != int64(rev) {
			return fmt.Errorf("revision %d instead of %d: %v", rev, next, evs)
		}
		next++
		prev := h.valueAt(int64(rev)%ring, int64(rev)-1)
		if (prev == 0) != (evs[0].PrevKv == nil) || prev != 0 && evs[0].PrevKv.ModRevision != prev {
			return fmt.Errorf("revision %d: previous value %v, want of %d", rev, evs[0].PrevKv, prev)
		}
		return nil
	})
	if errors.Is(err, ErrCompacted) && from < h.CompactRevision() {
		return nil
	}
	if err == nil && next != to+1 && to >= 2 {
		return fmt.Errorf("events of %d..%d end before %d", from, to, next)
	}
	return err
}

func (h *computed) compactOnce() error {
	rev := h.Snapshot().Revision() - record.Revision(rand.Int64N(100))
	err := h.Compact(context.Background(), rev)
	if errors.Is(err, ErrCompacted) || rev < 1 {
		return nil
	}
	return err
}
