package watch_test

import (
	"context"
	"fmt"
	"slices"
	"testing"

	pb "go.etcd.io/etcd/api/v3/etcdserverpb"
	"go.etcd.io/etcd/api/v3/mvccpb"

	"github.com/netsy-io/netsy/pkg/mvcc"
	"github.com/netsy-io/netsy/pkg/record"
	"github.com/netsy-io/netsy/pkg/watch"
)

// held is a store whose events can't be read before go is closed.
type held struct {
	*mvcc.Store
	asked chan struct{} // closed by the first read
	open  chan struct{}
	first bool
}

func (h *held) Events(ctx context.Context, from, to record.Revision, key, end []byte, fn func(record.Revision, []*mvccpb.Event) error) error {
	if !h.first {
		h.first = true
		close(h.asked)
	}
	select {
	case <-h.open:
	case <-ctx.Done():
		return ctx.Err()
	}
	return h.Store.Events(ctx, from, to, key, end, fn)
}

// TestReserveIsExact compacts a real store wherever a watch that reads from some
// revision on agrees, and wherever it doesn't: it gets everything, previous values
// and all, in just the cases in which it agreed.
func TestReserveIsExact(t *testing.T) {
	const last = 8
	for _, prevKV := range []bool{false, true} {
		for start := record.Revision(1); start <= last; start++ {
			whole, _ := replay(t, last, start, prevKV, 0, false)
			for at := record.Revision(1); at <= last; at++ {
				got, agreed := replay(t, last, start, prevKV, at, true)
				if same := slices.Equal(got, whole); agreed && !same {
					t.Errorf("from %d on, previous values %v, compacted at %d: got %v, want %v", start, prevKV, at, got, whole)
				} else if !agreed && same && at != start { // at start: unless the event there has no previous value
					t.Errorf("from %d on, previous values %v: compaction at %d is refused, and would do no harm", start, prevKV, at)
				}
			}
		}
	}
}

// replay is what a watch from start on is sent of a store of so many revisions, which
// is compacted while it reads; agreed is what the hub said to that.
func replay(t *testing.T, last, start record.Revision, prevKV bool, at record.Revision, compact bool) (got []string, agreed bool) {
	t.Helper()
	ctx := t.Context()
	st, err := mvcc.Open(ctx, mvcc.Options{Dir: t.TempDir(), ClusterID: "c", NodeID: "n"})
	if err != nil {
		t.Fatal(err)
	}
	defer st.Close()
	write(t, st, last)
	h := &held{Store: st, asked: make(chan struct{}), open: make(chan struct{})}
	hub := watch.NewHub(h, last, watch.Options{})
	defer hub.Close(nil)
	s := hub.NewStream()
	defer s.Close()
	req := &pb.WatchCreateRequest{Key: []byte{0}, RangeEnd: []byte{0}, StartRevision: int64(start), PrevKv: prevKV}
	if err := s.Create(ctx, req); err != nil {
		t.Fatal(err)
	}
	<-h.asked
	if compact {
		_, agreed = hub.Reserve(at, false)
		if err := st.Compact(ctx, at); err != nil {
			t.Fatal(err)
		}
		hub.Compacted(at)
	}
	close(h.open)
	for {
		resp, err := s.Recv(ctx)
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range resp.Events {
			got = append(got, fmt.Sprint(e.Type, string(e.Kv.Key), e.Kv.ModRevision, e.PrevKv))
		}
		if n := len(resp.Events); resp.Canceled || n > 0 && resp.Events[n-1].Kv.ModRevision == int64(last) {
			return got, agreed
		}
	}
}

// changes are revisions 2 and on, in upper case deletions: each kind of event, with
// and without a previous value.
const changes = "aabAaBb"

// write makes revisions 2 to last; 1 is internal.
func write(t *testing.T, st *mvcc.Store, last record.Revision) {
	t.Helper()
	w, err := st.NewWorking(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	stamp := mvcc.Stamp{Epoch: 1, LeaderID: "n"}
	if _, err := st.Serve(t.Context(), 1); err != nil {
		t.Fatal(err)
	}
	seal := record.EpochStart(1, 1, "n", record.KeyState{}, stamp.Now)
	if _, err := w.Apply(&seal); err != nil {
		t.Fatal(err)
	}
	recs := []record.Record{seal}
	for w.Revision() < last {
		var ch *mvcc.Change
		c := changes[w.Revision()-1]
		if key := []byte{c | 0x20}; c == key[0] {
			_, ch, err = w.Put(&pb.PutRequest{Key: key, Value: fmt.Append(nil, w.Revision())}, stamp)
		} else {
			_, ch, err = w.DeleteRange(&pb.DeleteRangeRequest{Key: key}, stamp)
		}
		if err != nil || ch == nil {
			t.Fatal(ch, err)
		}
		recs = append(recs, ch.Record)
	}
	if err := st.Append(t.Context(), recs); err != nil {
		t.Fatal(err)
	}
	if err := st.Publish(w.Snapshot()); err != nil {
		t.Fatal(err)
	}
}
