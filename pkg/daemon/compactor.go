package daemon

import (
	"context"
	"net/http"
	"os"
	"time"

	"github.com/hashicorp/go-hclog"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"golang.org/x/sync/errgroup"

	"github.com/netsy-io/netsy/pkg/compactor"
	"github.com/netsy-io/netsy/pkg/config"
	"github.com/netsy-io/netsy/pkg/objectlog"
	"github.com/netsy-io/netsy/pkg/objectstore"
	"github.com/netsy-io/netsy/pkg/snapshot"
)

// RunCompactor runs a compactor with its health port until ctx ends or it can't go on. dir
// is for the snapshot in the making.
func RunCompactor(ctx context.Context, p *config.Process, interval time.Duration, dir string, log hclog.Logger) error {
	d, err := newStoreProcess(ctx, p, log)
	if err != nil {
		return unlessGivenUp(ctx, log, err)
	}
	if err := objectstore.Probe(ctx, d.store); err != nil {
		return unlessGivenUp(ctx, log, err)
	}
	ls, err := listen(d.BindHealth)
	if err != nil {
		return err
	}
	c := d.newCompactor(dir)
	g, ctx := errgroup.WithContext(ctx)
	g.Go(func() error { return c.Run(ctx, interval) })
	g.Go(func() error { return d.tellManager(ctx, func() (bool, string) { return true, compactorLine(c) }) })
	g.Go(func() error { return serveHTTP(ctx, ls[0], d.compactorHealth(c)) })
	return g.Wait()
}

// CompactOnce makes one pass.
func CompactOnce(ctx context.Context, p *config.Process, dir string, log hclog.Logger) (compactor.Report, error) {
	d, err := newStoreProcess(ctx, p, log)
	if err != nil {
		return compactor.Report{}, err
	}
	if err := objectstore.Probe(ctx, d.store); err != nil {
		return compactor.Report{}, err
	}
	return d.newCompactor(dir).Once(ctx)
}

// PlanCompaction says what a pass would do. It changes nothing.
func PlanCompaction(ctx context.Context, p *config.Process, log hclog.Logger) (compactor.Plan, error) {
	d, err := newStoreProcess(ctx, p, log)
	if err != nil {
		return compactor.Plan{}, err
	}
	return d.newCompactor("").Plan(ctx)
}

func (d *process) newCompactor(dir string) *compactor.Compactor {
	s := d.Cluster.Snapshot
	return compactor.New(compactor.Options{
		Store: d.store, ClusterID: d.Cluster.ClusterID, ID: d.compactorID(),
		Thresholds: compactor.Thresholds{
			Records: int64(s.ThresholdRecords), Size: int64(s.ThresholdSizeMB) << 20, Age: time.Duration(s.ThresholdAgeMinutes) * time.Minute,
		},
		Retention: s.Retention, Keep: s.Keep, Dir: dir, Logger: d.log,
		Metrics: compactor.NewMetrics(d.metrics), SnapshotMetrics: snapshot.NewMetrics(d.metrics), LogMetrics: objectlog.NewMetrics(d.metrics),
	})
}

// compactorID names the process to people; nothing depends on it.
func (d *process) compactorID() string {
	if d.NodeID != "" {
		return d.NodeID
	}
	if name, err := os.Hostname(); err == nil && name != "" {
		return name
	}
	return "compactor"
}

// compactorLine is how the compactor is, for people.
func compactorLine(c *compactor.Compactor) string {
	last := c.Last()
	switch {
	case last == nil:
		return "at the first pass"
	case last.Err != nil:
		return "the last pass failed: " + last.Err.Error()
	}
	return "last pass " + last.At.UTC().Format(time.RFC3339) + ": " + string(last.Report.Outcome)
}

// compactorHealth: a restart mends nothing that a compactor could suffer from, so it is
// alive as long as it answers. It is ready unless its last pass failed.
func (d *process) compactorHealth(c *compactor.Compactor) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) {
		writeHealth(w, true, map[string]any{"ok": true, "code": "ok", "reason": ""})
	})
	mux.HandleFunc("GET /readyz", func(w http.ResponseWriter, _ *http.Request) {
		ok, state := true, map[string]any{"ok": true, "code": "ok", "reason": ""}
		if last := c.Last(); last != nil {
			state["last_pass"], state["last_pass_at"] = last.Report, last.At
			if last.Err != nil {
				ok = false
				state["ok"], state["code"], state["reason"] = false, "pass_failed", last.Err.Error()
			}
		}
		writeHealth(w, ok, state)
	})
	mux.Handle("GET /metrics", promhttp.HandlerFor(d.metrics, promhttp.HandlerOpts{}))
	return mux
}
