package primary

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/hashicorp/go-hclog"
	pb "go.etcd.io/etcd/api/v3/etcdserverpb"
	"go.uber.org/goleak"

	"github.com/netsy-io/netsy/pkg/mvcc"
	"github.com/netsy-io/netsy/pkg/objectlog"
	"github.com/netsy-io/netsy/pkg/objectstore"
	"github.com/netsy-io/netsy/pkg/objectstore/fault"
	"github.com/netsy-io/netsy/pkg/objectstore/memstore"
	"github.com/netsy-io/netsy/pkg/record"
	"github.com/netsy-io/netsy/pkg/registry"
	"github.com/netsy-io/netsy/pkg/snapshot"
	"github.com/netsy-io/netsy/pkg/watch"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// world is a bucket and the machines that use it.
type world struct {
	t      *testing.T
	bucket objectstore.Store
	epoch  record.Epoch // the highest begun, as cluster.json would say

	mu         sync.Mutex
	compaction record.Revision
	origin     record.Revision
	durability registry.Durability
	history    []registry.Durability           // all that were recorded
	onSwap     func(registry.Durability) error // an error: not recorded
}

func newWorld(t *testing.T) *world {
	return &world{t: t, bucket: memstore.New(nil), durability: registry.Durability{Mode: registry.ModeObjectStorage}}
}

// machine is one node's disk and process, with its own faulty way to the bucket.
type machine struct {
	w      *world
	id     string
	dir    string
	net    *fault.Store
	st     *mvcc.Store
	hub    *watch.Hub
	denial error // what StillPrimary answers instead of the truth; under w.mu
	reign  *Reign
	quorum int // as configured
	alone  bool
	tune   func(*Config) // changes the configuration, if set
}

// deny makes StillPrimary answer err instead of the truth, until nil.
func (m *machine) deny(err error) { m.w.set(func() { m.denial = err }) }

func (w *world) machine(id string) *machine {
	m := &machine{w: w, id: id, dir: w.t.TempDir(), net: fault.New(w.bucket)}
	m.boot()
	w.t.Cleanup(m.halt)
	return m
}

func (m *machine) boot() {
	m.w.t.Helper()
	st, err := mvcc.Open(context.Background(), mvcc.Options{Dir: m.dir, ClusterID: "c", NodeID: m.id, Logger: hclog.NewNullLogger()})
	if err != nil {
		m.w.t.Fatal(err)
	}
	m.st, m.hub = st, watch.NewHub(st, st.Snapshot().Revision(), watch.Options{})
}

// halt ends the process: whatever it had not written is gone.
func (m *machine) halt() {
	if m.reign != nil {
		m.reign.Stop(ErrStopped)
		m.reign = nil
	}
	if m.st != nil {
		m.hub.Close(nil)
		if err := m.st.Close(); err != nil && !errors.Is(err, mvcc.ErrClosed) {
			m.w.t.Error(err)
		}
		m.st = nil
	}
}

// start begins the next epoch on m.
func (m *machine) start(ctx context.Context) error {
	var epoch record.Epoch
	m.w.set(func() {
		m.w.epoch++
		epoch = m.w.epoch
	})
	return m.startAt(ctx, epoch)
}

func (m *machine) startAt(ctx context.Context, epoch record.Epoch) error {
	log := objectlog.New(m.net, objectlog.Options{})
	cfg := Config{
		Store: m.st, Log: log, Snapshots: snapshot.New(m.net, snapshot.Options{}), Hub: m.hub, Office: desk{m, epoch}, Epoch: epoch, Self: registry.NodeRef{NodeID: m.id, Incarnation: m.st.Incarnation()}, Quorum: m.quorum, Alone: func() bool { return m.alone }, Logger: hclog.NewNullLogger(), Metrics: NewMetrics(nil),
	}
	if m.tune != nil {
		m.tune(&cfg)
	}
	r, err := Start(ctx, cfg)
	m.reign = r
	return err
}

func (m *machine) mustStart() {
	m.w.t.Helper()
	if err := m.start(m.w.t.Context()); err != nil {
		m.w.t.Fatal(err)
	}
}

// desk is cluster.json, reduced to its epoch.
type desk struct {
	m     *machine
	epoch record.Epoch
}

func (d desk) StillPrimary(context.Context) error {
	d.m.w.mu.Lock()
	defer d.m.w.mu.Unlock()
	if d.m.denial != nil {
		return d.m.denial
	}
	if d.epoch != d.m.w.epoch {
		return fmt.Errorf("%w: epoch %d is over", ErrDeposed, d.epoch)
	}
	return nil
}

func (d desk) Terms(ctx context.Context) (t Terms, err error) {
	err = d.StillPrimary(ctx)
	d.m.w.set(func() { t = Terms{d.m.w.durability.Clone(), d.m.w.compaction, d.m.w.origin} })
	return t, err
}

func (d desk) SetDurability(ctx context.Context, to registry.Durability) error {
	if err := d.StillPrimary(ctx); err != nil {
		return err
	}
	w := d.m.w
	w.mu.Lock()
	hook := w.onSwap
	w.mu.Unlock()
	if hook != nil {
		if err := hook(to); err != nil {
			return err
		}
	}
	acknowledged := d.m.st.Snapshot().Revision() // before the log is read: what the log commits meanwhile is acknowledged, too
	if log := w.logged(); to.Mode == registry.ModeObjectStorage && log[len(log)-1].Revision < acknowledged {
		w.t.Errorf("mode %s is recorded with the log at revision %d, acknowledged is %d", to.Mode, log[len(log)-1].Revision, acknowledged)
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.durability = to.Clone()
	w.history = append(w.history, w.durability)
	return nil
}

func (d desk) SetCompaction(ctx context.Context, rev record.Revision) error {
	if err := d.StillPrimary(ctx); err != nil {
		return err
	}
	d.m.w.set(func() { d.m.w.compaction = max(d.m.w.compaction, rev) })
	return nil
}

// create is kube-apiserver's create. It returns the revision.
func create(ctx context.Context, r *Reign, key, value string) (record.Revision, error) {
	resp, err := r.Txn(ctx, createTxn(key, value))
	if err != nil {
		return 0, err
	}
	if !resp.Succeeded {
		return 0, errExists
	}
	return record.Revision(resp.Header.Revision), nil
}

var errExists = errors.New("exists")

func createTxn(key, value string) *pb.TxnRequest {
	return &pb.TxnRequest{
		Compare: []*pb.Compare{{Key: []byte(key), Target: pb.Compare_MOD, Result: pb.Compare_EQUAL, TargetUnion: &pb.Compare_ModRevision{}}},
		Success: []*pb.RequestOp{{Request: &pb.RequestOp_RequestPut{RequestPut: &pb.PutRequest{Key: []byte(key), Value: []byte(value)}}}},
	}
}

func (m *machine) mustCreate(key, value string) record.Revision {
	m.w.t.Helper()
	rev, err := create(m.w.t.Context(), m.reign, key, value)
	if err != nil {
		m.w.t.Fatal(err)
	}
	return rev
}

// read is a linearizable get; ok is false if the key is absent.
func (m *machine) read(ctx context.Context, key string) (value string, mod record.Revision, ok bool, err error) {
	sn, err := m.reign.Snapshot(ctx)
	if err != nil {
		return "", 0, false, err
	}
	resp, err := m.st.Range(ctx, sn, &pb.RangeRequest{Key: []byte(key)})
	if err != nil || len(resp.Kvs) == 0 {
		return "", 0, false, err
	}
	kv := resp.Kvs[0]
	return string(kv.Value), record.Revision(kv.ModRevision), true, nil
}

// logged reads the whole object log.
func (w *world) logged() []record.Record {
	w.t.Helper()
	var out []record.Record
	if _, err := objectlog.New(w.bucket, objectlog.Options{}).Read(context.Background(), 0, func(c objectlog.Chunk) error {
		out = append(out, c.Records...)
		return nil
	}); err != nil {
		w.t.Fatal(err)
	}
	return out
}

// agree checks that a machine's local copy is what the log holds.
func (m *machine) agree() {
	m.w.t.Helper()
	log := m.w.logged()
	i := 0
	err := m.st.Records(context.Background(), 1, m.st.Tail().Revision, func(r *record.Record) error {
		if i >= len(log) || log[i].Pos() != r.Pos() || string(log[i].Key) != string(r.Key) || string(log[i].Value) != string(r.Value) {
			return fmt.Errorf("local revision %d differs from the log", r.Revision)
		}
		i++
		return nil
	})
	if err != nil || i != len(log) {
		m.w.t.Fatalf("local copy has %d of %d records: %v", i, len(log), err)
	}
}

// within bounds a wait for what must happen; only a broken test meets it.
func within(t *testing.T) context.Context {
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	t.Cleanup(cancel)
	return ctx
}
