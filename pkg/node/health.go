package node

import (
	"encoding/json"
	"net/http"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/netsy-io/netsy/pkg/forward"
	"github.com/netsy-io/netsy/pkg/loading"
	"github.com/netsy-io/netsy/pkg/mvcc"
	pb "github.com/netsy-io/netsy/pkg/netsypb/peerpb"
	"github.com/netsy-io/netsy/pkg/objectlog"
	"github.com/netsy-io/netsy/pkg/primary"
	"github.com/netsy-io/netsy/pkg/replication"
	"github.com/netsy-io/netsy/pkg/rolemetrics"
	"github.com/netsy-io/netsy/pkg/snapshot"
	"github.com/netsy-io/netsy/pkg/watch"
)

// HealthHandler answers /healthz (the process works), /readyz (it can serve reads
// and writes) and /metrics.
func (n *Node) HealthHandler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) { n.answer(w, n.fatal() == nil) })
	mux.HandleFunc("GET /readyz", func(w http.ResponseWriter, _ *http.Request) {
		n.answer(w, n.state.serves() && n.state.HasLeader())
	})
	mux.Handle("GET /metrics", promhttp.HandlerFor(n.o.Metrics, promhttp.HandlerOpts{}))
	return mux
}

func (n *Node) answer(w http.ResponseWriter, ok bool) {
	health, reason, role, cs := n.state.view()
	w.Header().Set("Content-Type", "application/json")
	if !ok {
		w.WriteHeader(http.StatusServiceUnavailable)
	}
	// The reader may have gone; there is nobody to tell.
	_ = json.NewEncoder(w).Encode(map[string]any{
		"ok": ok, "node_id": n.o.NodeID, "health": health.String(), "reason": reason, "primary_state": role.String(),
		"epoch": cs.Epoch, "has_leader": n.state.HasLeader(), "revision": n.mvcc.Snapshot().Revision(),
	})
}

// meters are the metrics of the packages that work in a node.
type meters struct {
	mvcc      *mvcc.Metrics
	watch     *watch.Metrics
	objectLog *objectlog.Metrics
	snapshot  *snapshot.Metrics
	loading   *loading.Metrics
	primary   *primary.Metrics

	replication *replication.Metrics
	forward     *forward.Metrics

	snapshots snapshotGauges

	primaryRole, replicaRole *rolemetrics.Role
}

func newMeters(reg prometheus.Registerer) meters {
	reigns, follows := rolemetrics.New(reg), rolemetrics.New(reg)
	return meters{
		primaryRole: reigns, replicaRole: follows, snapshots: newSnapshotGauges(reigns),
		mvcc: mvcc.NewMetrics(reg), watch: watch.NewMetrics(reg),
		objectLog: objectlog.NewMetrics(reg), snapshot: snapshot.NewMetrics(reg), loading: loading.NewMetrics(reg),
		primary: primary.NewMetrics(reigns), replication: replication.NewMetrics(reigns, follows),
		forward: forward.NewMetrics(follows),
	}
}

// registerMetrics registers the node's own metrics.
func (n *Node) registerMetrics() {
	gauge := func(name, help string, f func() float64) {
		n.o.Metrics.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: name, Help: help}, f))
	}
	gauge("netsy_node_healthy", "1 if the node is healthy, else 0.", func() float64 {
		health, _, _, _ := n.state.view()
		return boolGauge(health == pb.Health_HEALTH_HEALTHY)
	})
	gauge("netsy_node_ready", "1 if the node answers reads and writes, as /readyz says, else 0.", func() float64 {
		return boolGauge(n.state.serves() && n.state.HasLeader())
	})
	gauge("netsy_node_has_primary", "1 if the node is the Primary or follows it, else 0.", func() float64 { return boolGauge(n.state.HasLeader()) })
	gauge("netsy_node_epoch", "Epoch in cluster.json as the node last heard.", func() float64 {
		_, _, _, cs := n.state.view()
		return float64(cs.Epoch)
	})
	gauge("netsy_node_members", "Registered nodes, as the node last heard.", func() float64 {
		_, _, _, cs := n.state.view()
		return float64(len(cs.Members))
	})
	gauge("netsy_node_primary", "1 if the node is the active Primary, else 0.", func() float64 {
		r, _ := n.state.current()
		return boolGauge(r != nil)
	})
	gauge("netsy_node_revision", "The last committed revision that the node serves.", func() float64 {
		return float64(n.mvcc.Snapshot().Revision())
	})
	gauge("netsy_node_compact_revision", "The revision below which history was compacted.", func() float64 {
		return float64(n.mvcc.CompactRevision())
	})
	gauge("netsy_node_db_size_bytes", "Size of the local SQLite file.", func() float64 { s, _ := n.mvcc.Size(); return float64(s) })
	gauge("netsy_node_db_in_use_bytes", "Bytes of the local SQLite file that hold something; the rest is reused.", func() float64 { _, s := n.mvcc.Size(); return float64(s) })
}

func boolGauge(b bool) float64 {
	if b {
		return 1
	}
	return 0
}
