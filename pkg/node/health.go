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
	"github.com/netsy-io/netsy/pkg/record"
	"github.com/netsy-io/netsy/pkg/registry"
	"github.com/netsy-io/netsy/pkg/replication"
	"github.com/netsy-io/netsy/pkg/rolemetrics"
	"github.com/netsy-io/netsy/pkg/snapshot"
	"github.com/netsy-io/netsy/pkg/watch"
)

// HealthHandler answers /healthz (the process works), /readyz (it can serve reads
// and writes) and /metrics. elector, if not nil, says how the elector in the same process is.
func (n *Node) HealthHandler(elector func() any) http.Handler {
	mux := http.NewServeMux()
	answer := func(w http.ResponseWriter, ok bool) {
		p := n.page(ok)
		if elector != nil {
			p.Elector = elector()
		}
		w.Header().Set("Content-Type", "application/json")
		w.Header().Set("Cache-Control", "no-store")
		if !ok {
			w.WriteHeader(http.StatusServiceUnavailable)
		}
		_ = json.NewEncoder(w).Encode(p) // the reader may have gone; there is nobody to tell
	}
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) { answer(w, n.fatal() == nil) })
	mux.HandleFunc("GET /readyz", func(w http.ResponseWriter, _ *http.Request) { answer(w, n.Readiness().OK()) })
	mux.Handle("GET /metrics", promhttp.HandlerFor(n.o.Metrics, promhttp.HandlerOpts{}))
	return mux
}

// page is what /healthz and /readyz say; docs/operations.md describes it.
type page struct {
	OK           bool            `json:"ok"` // the answer to what was asked: 200 or 503
	Code         Code            `json:"code"`
	Reason       string          `json:"reason"`
	Warning      *Readied        `json:"warning,omitempty"`
	NodeID       string          `json:"node_id"`
	Health       string          `json:"health"`
	PrimaryState string          `json:"primary_state"`
	Primary      string          `json:"primary,omitempty"`
	Epoch        record.Epoch    `json:"epoch"`
	HasLeader    bool            `json:"has_leader"`
	Revision     record.Revision `json:"revision"`
	Draining     bool            `json:"draining"`
	Reign        *reignPage      `json:"reign,omitempty"`
	Elector      any             `json:"elector,omitempty"`
}

// reignPage is what a Primary says of its reign.
type reignPage struct {
	Durability registry.Mode `json:"durability"`
	Voters     []string      `json:"voters,omitempty"` // node ids
	ReadLease  bool          `json:"read_lease"`       // reads need no proof of the reign now
}

func (n *Node) page(ok bool) page {
	r, s := n.Readiness(), n.situation()
	_, _, role, cs := n.state.view()
	p := page{
		OK: ok, Code: r.Code, Reason: r.Reason, NodeID: n.o.NodeID, Health: s.health.String(), PrimaryState: role.String(),
		Primary: s.primary, Epoch: record.Epoch(cs.Epoch), HasLeader: s.hasLeader, Revision: n.mvcc.Snapshot().Revision(), Draining: s.stopping || s.handsOver,
	}
	if r.Warning.Code != "" {
		p.Warning = &r.Warning
	}
	if reign, _ := n.state.current(); reign != nil {
		mode, voters, lease := reign.Standing()
		p.Reign = &reignPage{Durability: mode, ReadLease: lease}
		for _, v := range voters {
			p.Reign.Voters = append(p.Reign.Voters, v.NodeID)
		}
	}
	return p
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
		return boolGauge(n.Readiness().OK())
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
