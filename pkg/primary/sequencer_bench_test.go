package primary

import (
	"context"
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	pb "go.etcd.io/etcd/api/v3/etcdserverpb"

	"github.com/netsy-io/netsy/pkg/lease"
	"github.com/netsy-io/netsy/pkg/mvcc"
	"github.com/netsy-io/netsy/pkg/record"
)

// desktop is a sequencer without its goroutines, on a state of so many keys.
type desktop struct {
	r     *Reign
	st    *mvcc.Store
	keys  int
	order []int
	next  int
}

// BenchmarkMicroSequencer is one of kube-apiserver's transactions, evaluated by the
// sequencer in a batch of so many: compare, write, record, event and outcome, and its
// part of the batch's snapshot. Each batch begins with the same 100,000 keys.
func BenchmarkMicroSequencer(b *testing.B) {
	d := newDesktop(b, 100_000)
	for _, n := range []int{8, 64, 1024} {
		b.Run(fmt.Sprintf("batch=%d", n), func(b *testing.B) {
			b.Run("create", func(b *testing.B) { d.bench(b, n, d.create) })
			b.Run("update", func(b *testing.B) { d.bench(b, n, d.update) })
			b.Run("delete", func(b *testing.B) { d.bench(b, n, d.delete) })
		})
	}
}

func newDesktop(b *testing.B, keys int) *desktop {
	st, err := mvcc.Open(b.Context(), mvcc.Options{Dir: b.TempDir(), ClusterID: "c", NodeID: "n"})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() {
		if err := st.Close(); err != nil {
			b.Error(err)
		}
	})
	r := &Reign{cfg: Config{Epoch: 1, Metrics: NewMetrics(nil)}}
	r.cfg.Self.NodeID = "n"
	r.leases = lease.NewExpirer(time.Now(), r.expire)
	d := &desktop{r: r, st: st, keys: keys, order: rand.New(rand.NewPCG(1, 2)).Perm(keys)}
	d.fill(b)
	return d
}

// fill stores and publishes the keys: key i is of revision i+1.
func (d *desktop) fill(b *testing.B) {
	w, err := d.st.NewWorking(b.Context())
	if err != nil {
		b.Fatal(err)
	}
	var recs []record.Record
	for i := range d.keys {
		_, ch, err := w.Put(&pb.PutRequest{Key: d.key(i), Value: make([]byte, 1024)}, mvcc.Stamp{Epoch: 1, LeaderID: "n", Now: time.Now()})
		if err != nil {
			b.Fatal(err)
		}
		recs = append(recs, ch.Record)
		if len(recs) < 5000 && i < d.keys-1 {
			continue
		}
		if err := d.st.Append(b.Context(), recs); err != nil {
			b.Fatal(err)
		}
		recs = nil
	}
	if err := d.st.Publish(w.Snapshot()); err != nil {
		b.Fatal(err)
	}
}

func (d *desktop) key(i int) []byte {
	return fmt.Appendf(nil, "/registry/pods/namespace-%05d/pod-%03d", i/200, i%200)
}

// pick returns the number of the next key: no two in one batch are the same.
func (d *desktop) pick() int {
	d.next++
	return d.order[d.next%d.keys]
}

func (d *desktop) bench(b *testing.B, n int, make func() *pb.TxnRequest) {
	var (
		w    *mvcc.Working
		got  *batch
		todo []*proposal
	)
	renew := func() {
		todo = todo[:0]
		for range n {
			req := make()
			todo = append(todo, newProposal(func(w *mvcc.Working, s mvcc.Stamp) (any, *mvcc.Change, error) {
				resp, change, err := w.Txn(req, s)
				return resp, change, err
			}))
		}
		var err error
		if w, err = d.st.NewWorking(b.Context()); err != nil {
			b.Fatal(err)
		}
		got = &batch{}
	}
	renew()
	b.ReportAllocs()
	for b.Loop() {
		if len(got.proposals) == n {
			b.StopTimer()
			d.check(b, got)
			renew()
			b.StartTimer()
		}
		d.r.evaluate(got, todo[len(got.proposals)], w)
		if len(got.proposals) == n {
			got.snapshot = w.Snapshot()
		}
	}
	d.check(b, got)
}

func newProposal(eval func(*mvcc.Working, mvcc.Stamp) (any, *mvcc.Change, error)) *proposal {
	return &proposal{ctx: context.Background(), eval: eval, done: make(chan outcome, 1)}
}

// check sees that every transaction of a batch has written, and that nobody has been
// answered yet.
func (d *desktop) check(b *testing.B, got *batch) {
	b.Helper()
	if n := len(got.proposals); len(got.records) != n || len(got.events) != n || n == 0 {
		b.Fatalf("%d transactions made %d records and %d events", n, len(got.records), len(got.events))
	}
	for i, o := range got.outcomes {
		if resp, ok := o.result.(*pb.TxnResponse); !ok || !resp.Succeeded || o.err != nil || len(got.proposals[i].done) != 0 {
			b.Fatalf("transaction %d: %v, %v", i, o.result, o.err)
		}
	}
	if last := got.records[len(got.records)-1].Revision; last != record.Revision(d.keys+len(got.records)) {
		b.Fatalf("the last revision is %d", last)
	}
}

func (d *desktop) create() *pb.TxnRequest {
	key := append(d.key(d.pick()), "-new"...)
	return unlessChanged(key, 0, &pb.RequestOp{Request: &pb.RequestOp_RequestPut{RequestPut: &pb.PutRequest{Key: key, Value: make([]byte, 1024)}}}, nil)
}

func (d *desktop) update() *pb.TxnRequest {
	i := d.pick()
	key := d.key(i)
	return unlessChanged(key, int64(i+1), &pb.RequestOp{Request: &pb.RequestOp_RequestPut{RequestPut: &pb.PutRequest{Key: key, Value: make([]byte, 1024)}}}, reading(key))
}

func (d *desktop) delete() *pb.TxnRequest {
	i := d.pick()
	key := d.key(i)
	return unlessChanged(key, int64(i+1), &pb.RequestOp{Request: &pb.RequestOp_RequestDeleteRange{RequestDeleteRange: &pb.DeleteRangeRequest{Key: key}}}, reading(key))
}

// unlessChanged does op if the key is of revision mod, else otherwise, which may be nil.
func unlessChanged(key []byte, mod int64, op, otherwise *pb.RequestOp) *pb.TxnRequest {
	req := &pb.TxnRequest{
		Compare: []*pb.Compare{{Key: key, Target: pb.Compare_MOD, Result: pb.Compare_EQUAL, TargetUnion: &pb.Compare_ModRevision{ModRevision: mod}}},
		Success: []*pb.RequestOp{op},
	}
	if otherwise != nil {
		req.Failure = []*pb.RequestOp{otherwise}
	}
	return req
}

func reading(key []byte) *pb.RequestOp {
	return &pb.RequestOp{Request: &pb.RequestOp_RequestRange{RequestRange: &pb.RangeRequest{Key: key}}}
}
