package daemon

import (
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"
	clientpb "go.etcd.io/etcd/api/v3/etcdserverpb"

	pb "github.com/netsy-io/netsy/pkg/netsypb/peerpb"
	"github.com/netsy-io/netsy/pkg/objectstore"
	"github.com/netsy-io/netsy/pkg/objectstore/fault"
)

// TestRoles takes all roles from a node that lives on, by cutting it off from object
// storage: metrics go and come with them.
func TestRoles(t *testing.T) {
	first, second := newWorld(t).runningNodes(t)
	first.showsRoles(t, "netsy_primary_", "netsy_elector_")
	second.showsRoles(t, "netsy_replica_")
	writes := first.counted(t, "netsy_primary_batch_records")

	first.store.Inject(fault.Fail(objectstore.ErrUnavailable))
	first.tryPut(t)
	second.await(t, "netsy_primary_commit_duration_seconds", "netsy_elector_epoch")
	first.await(t, "netsy_replica_lag_revisions")
	first.showsRoles(t, "netsy_replica_")
	second.showsRoles(t, "netsy_primary_", "netsy_elector_")

	first.store.Heal()
	second.store.Inject(fault.Fail(objectstore.ErrUnavailable))
	second.tryPut(t)
	first.await(t, "netsy_primary_commit_duration_seconds", "netsy_elector_epoch")
	if again := first.counted(t, "netsy_primary_batch_records"); again < writes {
		t.Errorf("%d batches were counted before the role was lost, %d when it was back", writes, again)
	}
}

// tryPut puts something. Nobody may learn what comes of it: it is what a Primary has to
// have under way to notice that object storage is gone.
func (r *running) tryPut(t *testing.T) {
	t.Helper()
	kv, ended := clientpb.NewKVClient(r.dial(t, "client-of-"+r.d.NodeID)), make(chan struct{})
	go func() { // ends with the test's context, or the answer
		defer close(ended)
		_, _ = kv.Put(t.Context(), &clientpb.PutRequest{Key: []byte("k")})
	}()
	t.Cleanup(func() { <-ended })
}

// roles are the prefixes of metrics that vanish.
var roles = []string{"netsy_primary_", "netsy_elector_", "netsy_replica_"}

// showsRoles waits until the metrics of those roles are shown and those of others aren't.
func (r *running) showsRoles(t *testing.T, want ...string) {
	t.Helper()
	r.until(t, "shows "+strings.Join(want, ", ")+" and no other role", func(shown map[string]int) bool {
		have := map[string]bool{}
		for name := range shown {
			for _, p := range roles {
				if strings.HasPrefix(name, p) {
					have[p] = true
				}
			}
		}
		for _, p := range want {
			if !have[p] {
				return false
			}
		}
		return len(have) == len(want)
	})
}

// counted is how many values a histogram has.
func (r *running) counted(t *testing.T, name string) uint64 {
	t.Helper()
	series := r.series(t, name)
	if len(series) == 0 {
		t.Fatalf("%s has no %s", r.d.NodeID, name)
	}
	return series[0].GetHistogram().GetSampleCount()
}

// series are those of one metric.
func (r *running) series(t *testing.T, name string) []*dto.Metric {
	t.Helper()
	families, err := r.d.metrics.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range families {
		if f.GetName() == name {
			return f.Metric
		}
	}
	return nil
}

// TestSeriesAreBounded: what clients do, and which, makes no series.
func TestSeriesAreBounded(t *testing.T) {
	first, second := newWorld(t).runningNodes(t)
	compactor := ranCompactor(t, first.d.Process)
	work := func(round string) {
		var wg sync.WaitGroup
		for i := range 4 {
			wg.Go(func() { first.busy(t, fmt.Sprintf("%s-%d", round, i)) })
			wg.Go(func() { second.busy(t, fmt.Sprintf("%s-%d", round, 4+i)) })
		}
		wg.Wait()
	}
	first.untilServed(t, pb.Election_ListMembers_FullMethodName) // the elector in waiting asks by itself
	work("warm-up")
	work("before")
	regs := []*prometheus.Registry{first.d.metrics, second.d.metrics, compactor}
	before := make([]map[string]int, len(regs))
	for i, reg := range regs {
		before[i] = seriesOf(t, reg)
	}
	work("after")
	for i, reg := range regs {
		for name, n := range seriesOf(t, reg) {
			if n > before[i][name] && before[i][name] > 0 {
				t.Errorf("%s: %d series, %d after more of the same by other clients with other keys", name, before[i][name], n)
			}
			bound := 64 // of one label with a handful of values, or two
			if strings.HasPrefix(name, "grpc_") {
				bound = 128 // methods by codes
			}
			if n > bound {
				t.Errorf("%s has %d series", name, n)
			}
		}
	}
}

// seriesOf counts series by metric, and sees to it that no label has what a client sent.
func seriesOf(t *testing.T, reg *prometheus.Registry) map[string]int {
	t.Helper()
	families, err := reg.Gather()
	if err != nil {
		t.Fatal(err)
	}
	out := map[string]int{}
	for _, f := range families {
		out[f.GetName()] = len(f.Metric)
		for _, m := range f.Metric {
			for _, l := range m.Label {
				if v := l.GetValue(); strings.Contains(v, "client-") || strings.Contains(v, "key-") || strings.Contains(v, "127.0.0.1") {
					t.Errorf("%s has label %s with value %q", f.GetName(), l.GetName(), v)
				}
			}
		}
	}
	return out
}

// busy does some of everything that a client does, rightly and wrongly.
func (r *running) busy(t *testing.T, who string) {
	conn := r.dial(t, "client-"+who)
	defer conn.Close()
	ctx := t.Context()
	kv, leases := clientpb.NewKVClient(conn), clientpb.NewLeaseClient(conn)
	grant, err := leases.LeaseGrant(ctx, &clientpb.LeaseGrantRequest{TTL: 60})
	if err != nil {
		t.Error(err)
		return
	}
	watch, err := clientpb.NewWatchClient(conn).Watch(ctx)
	if err != nil {
		t.Error(err)
		return
	}
	create := &clientpb.WatchRequest{RequestUnion: &clientpb.WatchRequest_CreateRequest{CreateRequest: &clientpb.WatchCreateRequest{Key: []byte("key-" + who), StartRevision: 1}}}
	if err := watch.Send(create); err != nil {
		t.Error(err)
	}
	if _, err := watch.Recv(); err != nil {
		t.Error(err)
	}
	for i := range 10 {
		key := fmt.Appendf(nil, "key-%s-%d", who, i)
		put, err := kv.Put(ctx, &clientpb.PutRequest{Key: key, Value: key, Lease: grant.ID})
		if err != nil {
			t.Error(err)
			return
		}
		if _, err := kv.Range(ctx, &clientpb.RangeRequest{Key: key}); err != nil {
			t.Error(err)
		}
		for _, req := range []*clientpb.RangeRequest{{}, {Key: key, Revision: put.Header.Revision + 1000}} {
			if _, err := kv.Range(ctx, req); err == nil {
				t.Errorf("%v was answered", req)
			}
		}
		if _, err := kv.DeleteRange(ctx, &clientpb.DeleteRangeRequest{Key: key}); err != nil {
			t.Error(err)
		}
	}
	// A method that there isn't, and one that a client may not call.
	_ = conn.Invoke(ctx, "/key-"+who+"/Method", &clientpb.PutRequest{}, &clientpb.PutResponse{})
	_, _ = clientpb.NewMaintenanceClient(conn).Defragment(ctx, &clientpb.DefragmentRequest{})
}
