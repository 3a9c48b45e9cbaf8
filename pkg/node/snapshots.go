package node

import (
	"context"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/netsy-io/netsy/pkg/rolemetrics"
	"github.com/netsy-io/netsy/pkg/snapshot"
)

// snapshotGauges show the newest snapshot as the Primary last saw it. A compactor that runs
// now and then can't be scraped, and one that doesn't run says nothing: this is how it is noticed.
type snapshotGauges struct {
	known               *rolemetrics.Role // something was listed in this reign
	revision, at, bytes prometheus.Gauge
}

func newSnapshotGauges(reg prometheus.Registerer) snapshotGauges {
	gauge := func(name, help string) prometheus.Gauge {
		return prometheus.NewGauge(prometheus.GaugeOpts{Name: name, Help: help})
	}
	g := snapshotGauges{
		known:    rolemetrics.New(reg),
		revision: gauge("netsy_primary_snapshot_revision", "Revision of the newest snapshot, as looked up every 10 minutes; absent while none is known."),
		at:       gauge("netsy_primary_snapshot_timestamp_seconds", "When the newest snapshot was written, by object storage's clock, in seconds since 1970; absent while none is known."),
		bytes:    gauge("netsy_primary_snapshot_bytes", "Size of the newest snapshot; absent while none is known."),
	}
	g.known.MustRegister(g.revision, g.at, g.bytes)
	return g
}

const (
	// snapshotsEvery is between two looks: 144 listings a day.
	snapshotsEvery = 10 * time.Minute
	// snapshotsTimeout bounds one: the next look comes by itself.
	snapshotsTimeout = 15 * time.Second
)

// watchSnapshots looks for the newest snapshot until ctx ends.
func (n *Node) watchSnapshots(ctx context.Context) {
	g := n.meters.snapshots
	known := false
	defer func() {
		if known {
			g.known.Leave()
		}
	}()
	for {
		if s, ok := n.newestSnapshot(ctx); ok {
			g.revision.Set(float64(s.Revision))
			g.at.Set(float64(s.Modified.Unix()))
			g.bytes.Set(float64(s.Size))
			if !known {
				known = true
				g.known.Enter()
			}
		}
		if pauseFor(ctx, snapshotsEvery) != nil {
			return
		}
	}
}

// newestSnapshot is the newest one listed. Nothing depends on it but what is shown.
func (n *Node) newestSnapshot(ctx context.Context) (s snapshot.Listed, ok bool) {
	ctx, cancel := context.WithTimeout(ctx, snapshotsTimeout)
	defer cancel()
	all, err := n.snapshots.List(ctx)
	if err != nil {
		n.log.Debug("can't look for the newest snapshot", "error", err)
	}
	if err != nil || len(all) == 0 {
		return s, false
	}
	return all[len(all)-1], true
}
