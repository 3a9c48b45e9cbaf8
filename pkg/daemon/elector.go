package daemon

import (
	"context"
	"errors"
	"net/http"

	"github.com/hashicorp/go-hclog"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"golang.org/x/sync/errgroup"
	"google.golang.org/grpc"

	"github.com/netsy-io/netsy/pkg/config"
	"github.com/netsy-io/netsy/pkg/elector"
	"github.com/netsy-io/netsy/pkg/identity"
	pb "github.com/netsy-io/netsy/pkg/netsypb/peerpb"
	"github.com/netsy-io/netsy/pkg/objectstore"
	"github.com/netsy-io/netsy/pkg/peerapi"
)

// electionPolicy: nodes and electors ask for members, and so may people.
var electionPolicy = identity.Policy{
	pb.Election_ListMembers_FullMethodName: {identity.RolePeer, identity.RoleElector, identity.RoleAdmin},
}

// RunElector runs an elector with its health port until ctx ends or it can't go on.
func RunElector(ctx context.Context, p *config.Process, log hclog.Logger) error {
	d, err := newProcess(ctx, p, log)
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
	g, ctx := errgroup.WithContext(ctx)
	var e *elector.Elector
	if e, err = d.newElector("elector-"+p.NodeID, false); err != nil {
		return errors.Join(err, closeAll(ls))
	}
	g.Go(func() error { return d.serveElector(ctx, e) })
	g.Go(func() error { return d.watchCertificates(ctx) })
	g.Go(func() error {
		return d.tellManager(ctx, func() (bool, string) { r := d.electorReadiness(e); return r.OK, r.Line() })
	})
	health, closePage := d.withStatusPage(d.electorHealth(e), config.ElectorProgram, e.ClusterState, e.Standing)
	defer closePage()
	g.Go(func() error { return serveHTTP(ctx, ls[0], health) })
	return g.Wait()
}

func (d *process) newElector(leaderID string, sole bool) (*elector.Elector, error) {
	c := d.Cluster
	return elector.New(elector.Options{
		Store: d.store, ClusterID: c.ClusterID, LeaderID: leaderID, SoleLeaderID: sole, AdvertiseAddr: d.AdvertiseElection, Quorum: c.Replication.Quorum,
		HeartbeatInterval: c.HeartbeatInterval, DegradationCount: c.Elector.DegradationCount,
		PrimaryPriorTimeout: c.Elector.PrimaryPriorTimeout, LeaseDuration: c.LeaseDuration(),
		DeregistrationTimeout: c.Elector.DeregistrationTimeout,
		Dialer:                peerapi.Dialer{Source: d.source, ClusterID: c.ClusterID},
		ElectorCredentials:    d.source.ClientCredentials(identity.ExpectElector(c.ClusterID)),
		Logger:                d.log.Named("elector"), Metrics: elector.NewMetrics(d.metrics),
	})
}

// serveElector runs the elector and its election port.
func (d *process) serveElector(ctx context.Context, e *elector.Elector) error {
	opts, err := d.serverOptions(identity.PeerPort, electionPolicy)
	if err != nil {
		return err
	}
	ls, err := listen(d.BindElection)
	if err != nil {
		return err
	}
	srv := grpc.NewServer(opts...)
	e.Register(srv)
	g, ctx := errgroup.WithContext(ctx)
	g.Go(func() error {
		if err := srv.Serve(ls[0]); !errors.Is(err, grpc.ErrServerStopped) {
			return err
		}
		return nil
	})
	g.Go(func() error {
		defer srv.Stop()
		return e.Run(ctx)
	})
	return g.Wait()
}

func (d *process) electorHealth(e *elector.Elector) http.Handler {
	mux := http.NewServeMux()
	answer := func(w http.ResponseWriter, ok bool, r electorReadiness) {
		r.OK = ok
		writeHealth(w, ok, struct {
			NodeID string `json:"node_id"`
			electorReadiness
		}{d.NodeID, r})
	}
	// A restart mends nothing that an elector could suffer from.
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) { answer(w, true, d.electorReadiness(e)) })
	// One that waits for office is as ready as it can be.
	mux.HandleFunc("GET /readyz", func(w http.ResponseWriter, _ *http.Request) {
		r := d.electorReadiness(e)
		answer(w, r.OK, r)
	})
	mux.Handle("GET /metrics", promhttp.HandlerFor(d.metrics, promhttp.HandlerOpts{}))
	return mux
}
