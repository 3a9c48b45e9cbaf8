package mvcc

import (
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"
	"go.etcd.io/etcd/api/v3/etcdserverpb"
	"go.etcd.io/etcd/api/v3/mvccpb"

	"github.com/netsy-io/netsy/pkg/record"
)

var testNow = time.Date(2025, 1, 2, 3, 4, 5, 6, time.UTC)

func options(dir string) Options { return Options{Dir: dir, ClusterID: "test", NodeID: "n1"} }

func openDir(t testing.TB, dir string) *Store {
	t.Helper()
	return open(t, options(dir))
}

func open(t testing.TB, o Options) *Store {
	t.Helper()
	s, err := Open(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

// begun is a store with its first reign begun: revision 1, epoch 1, published.
type begun struct {
	*Store
	w     *Working
	stamp Stamp
}

func begin(t testing.TB) *begun {
	t.Helper()
	return beginBounded(t, 0)
}

// noValues is a bound of the value cache below any value.
const noValues = 1

// beginBounded is begin with a bound for the values in memory.
func beginBounded(t testing.TB, valueCache int64) *begun {
	t.Helper()
	o := options(t.TempDir())
	o.ValueCache = valueCache
	s := open(t, o)
	b := &begun{Store: s, stamp: Stamp{Epoch: 1, LeaderID: "n1", Now: testNow}}
	b.reign(t, 1)
	return b
}

// reign promises, serves and begins an epoch on what is stored.
func (b *begun) reign(t testing.TB, e record.Epoch) {
	t.Helper()
	if _, err := b.Serve(t.Context(), e); err != nil {
		t.Fatal(err)
	}
	w, err := b.NewWorking(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	b.w, b.stamp.Epoch = w, e
	prev, err := b.LastEpochStart(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	r := record.EpochStart(w.Revision()+1, e, "n1", prev, testNow)
	b.apply(t, &r)
	b.commit(t, r)
}

func (b *begun) apply(t testing.TB, r *record.Record) *mvccpb.Event {
	t.Helper()
	ev, err := b.w.Apply(r)
	if err != nil {
		t.Fatal(err)
	}
	return ev
}

// stateOf is all of a state, values too.
func stateOf(t testing.TB, s *Store, sn *Snapshot) []*mvccpb.KeyValue {
	t.Helper()
	resp, err := s.Range(ctx, sn, &etcdserverpb.RangeRequest{Key: []byte{0}, RangeEnd: []byte{0}})
	if err != nil {
		t.Fatal(err)
	}
	return resp.Kvs
}

// commit stores and publishes.
func (b *begun) commit(t testing.TB, recs ...record.Record) {
	t.Helper()
	if err := b.Append(t.Context(), recs); err != nil {
		t.Fatal(err)
	}
	if err := b.Publish(b.w.Snapshot()); err != nil {
		t.Fatal(err)
	}
}

func (b *begun) put(t testing.TB, key, value string) *Change {
	t.Helper()
	_, ch, err := b.w.Put(&etcdserverpb.PutRequest{Key: []byte(key), Value: []byte(value)}, b.stamp)
	if err != nil {
		t.Fatal(err)
	}
	b.commit(t, ch.Record)
	return ch
}

func (b *begun) del(t testing.TB, key string) *Change {
	t.Helper()
	_, ch, err := b.w.DeleteRange(&etcdserverpb.DeleteRangeRequest{Key: []byte(key)}, b.stamp)
	if err != nil || ch == nil {
		t.Fatalf("delete %q: %v, %v", key, ch, err)
	}
	b.commit(t, ch.Record)
	return ch
}

func (b *begun) rangeReq(t testing.TB, req *etcdserverpb.RangeRequest) *etcdserverpb.RangeResponse {
	t.Helper()
	resp, err := b.Range(t.Context(), b.Snapshot(), req)
	if err != nil {
		t.Fatal(err)
	}
	return resp
}

// purgeAll runs the purge to its end, as the background would.
func purgeAll(t testing.TB, s *Store) {
	t.Helper()
	for more := true; more; {
		var err error
		if more, err = s.purgeStep(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
}

// metricValue is a counter's or a gauge's.
func metricValue(t interface{ Fatal(args ...any) }, m prometheus.Metric) float64 {
	var out dto.Metric
	if err := m.Write(&out); err != nil {
		t.Fatal(err)
	}
	return out.GetCounter().GetValue() + out.GetGauge().GetValue()
}

func putChange(b *begun, key, value string) (*Change, error) {
	_, ch, err := b.w.Put(&etcdserverpb.PutRequest{Key: []byte(key), Value: []byte(value)}, b.stamp)
	return ch, err
}
