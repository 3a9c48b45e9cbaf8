// Package daemon makes running processes out of their settings: it opens the
// object store, the certificates and the ports, and hands plain values to the
// packages that do the work.
package daemon

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"runtime"
	"time"

	grpcprom "github.com/grpc-ecosystem/go-grpc-middleware/providers/prometheus"
	"github.com/hashicorp/go-hclog"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"golang.org/x/net/netutil"
	"google.golang.org/grpc"

	"github.com/netsy-io/netsy/pkg/config"
	"github.com/netsy-io/netsy/pkg/identity"
	"github.com/netsy-io/netsy/pkg/logevent"
	"github.com/netsy-io/netsy/pkg/objectstore"
	"github.com/netsy-io/netsy/pkg/objectstore/instrumented"
	"github.com/netsy-io/netsy/pkg/objectstore/open"
	"github.com/netsy-io/netsy/pkg/sdnotify"
	"github.com/netsy-io/netsy/pkg/version"
)

// process is what every server process has.
type process struct {
	*config.Process
	log     hclog.Logger
	metrics *prometheus.Registry
	store   objectstore.Store
	source  *identity.Source
	tls     *identity.Metrics
	rpcs    *grpcprom.ServerMetrics
	manager *sdnotify.Notifier // the service manager
	reach   *instrumented.Reach
}

func newProcess(ctx context.Context, p *config.Process, log hclog.Logger) (*process, error) {
	d, err := newStoreProcess(ctx, p, log)
	if err != nil {
		return nil, err
	}
	d.tls = identity.NewMetrics(d.metrics)
	d.rpcs = grpcprom.NewServerMetrics(grpcprom.WithServerHandlingTimeHistogram())
	d.metrics.MustRegister(d.rpcs)
	if d.source, err = identity.Open(identity.Options{Files: p.TLS, Logger: log.Named("identity"), Metrics: d.tls}); err != nil {
		return nil, fmt.Errorf("reading certificates: %w", err)
	}
	return d, nil
}

// newStoreProcess is newProcess for one that talks to object storage only: it has no
// certificate.
func newStoreProcess(ctx context.Context, p *config.Process, log hclog.Logger) (*process, error) {
	manager, err := sdnotify.FromEnvironment()
	if err != nil {
		return nil, err
	}
	d := &process{Process: p, log: log, metrics: prometheus.NewRegistry(), manager: manager}
	d.tellStatus("opening object storage")
	d.metrics.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	info := prometheus.NewGauge(prometheus.GaugeOpts{
		Name: "netsy_build_info", Help: "Always 1; its labels say which build this is.", ConstLabels: prometheus.Labels{"version": version.String(), "goversion": runtime.Version()},
	})
	info.Set(1)
	d.metrics.MustRegister(info)
	st, err := open.Open(ctx, p.Cluster.Storage.Open())
	if err != nil {
		return nil, fmt.Errorf("opening object storage: %w", err)
	}
	measures := instrumented.NewMetrics(d.metrics)
	d.store, d.reach = instrumented.Wrap(st, measures), &measures.Reach
	d.sayStart()
	return d, nil
}

// sayStart logs what somebody who reads only this log has to know first.
func (d *process) sayStart() {
	v, c := version.Get(), d.Cluster
	d.log.Info("starting", "event", logevent.ProcessStarting, "version", v.Version, "commit", v.Commit, "go", v.Go, "cluster_id", c.ClusterID, "store", d.store,
		"quorum", c.Replication.Quorum, "heartbeat_interval", c.HeartbeatInterval, "primary_prior_timeout", c.Elector.PrimaryPriorTimeout)
}

// serverOptions protect and measure a gRPC server.
func (d *process) serverOptions(port identity.Port, policy identity.Policy) ([]grpc.ServerOption, error) {
	opts, err := d.source.ServerOptions(port, policy, d.log, d.tls)
	measure := []grpc.ServerOption{
		grpc.ChainUnaryInterceptor(d.rpcs.UnaryServerInterceptor()),
		grpc.ChainStreamInterceptor(d.rpcs.StreamServerInterceptor()),
	}
	return append(measure, opts...), err // refused calls count too
}

// certificatesEvery is how often the certificates' files are looked at while no
// connection makes anybody look: for the metrics, and to report faults early.
const certificatesEvery = 30 * time.Second

// watchCertificates does that until ctx ends.
func (d *process) watchCertificates(ctx context.Context) error {
	d.source.Watch(ctx, certificatesEvery)
	return nil
}

// listen opens several ports, or none.
func listen(addrs ...string) (ls []net.Listener, err error) {
	for _, a := range addrs {
		l, err := net.Listen("tcp", a)
		if err != nil {
			for _, l := range ls {
				err = errors.Join(err, l.Close())
			}
			return nil, fmt.Errorf("listening on %s: %w", a, err)
		}
		ls = append(ls, l)
	}
	return ls, nil
}

// writeHealth answers a probe: 200 or 503, which is all that most look at, and why.
func writeHealth(w http.ResponseWriter, ok bool, v any) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	if !ok {
		w.WriteHeader(http.StatusServiceUnavailable)
	}
	_ = json.NewEncoder(w).Encode(v) // the reader may have gone; there is nobody to tell
}

// Bounds of the health port, which has no login: it must not use up the process's files and
// memory.
const (
	healthConnections   = 512              // twice the status page's viewers; probes and scrapers are a handful
	healthHeaderTimeout = 5 * time.Second  // of a request's head, which is one packet
	healthWriteTimeout  = 30 * time.Second // of an answer, metrics being the longest; scrapers wait for 10 s
	healthIdleTimeout   = 90 * time.Second // between requests: longer than scrapes are apart
)

// serveHTTP serves h on l, the health port, until ctx ends.
func serveHTTP(ctx context.Context, l net.Listener, h http.Handler) error {
	srv := &http.Server{Handler: h, ReadHeaderTimeout: healthHeaderTimeout, WriteTimeout: healthWriteTimeout, IdleTimeout: healthIdleTimeout}
	defer context.AfterFunc(ctx, func() { srv.Close() })()
	if err := srv.Serve(netutil.LimitListener(l, healthConnections)); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}
