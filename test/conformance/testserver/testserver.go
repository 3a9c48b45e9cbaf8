// Package testserver stands in for k8s.io/apiserver/pkg/storage/etcd3/testserver while the
// upstream storage suites run: the same two functions, but RunEtcd starts the server under test.
//
// The suites are compiled with `go test -overlay`, which puts this file in the place of the
// upstream one; nothing else of them changes.
package testserver

import (
	"testing"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"
	"go.etcd.io/etcd/client/v3/kubernetes"
	"go.etcd.io/etcd/server/v3/embed"
	"go.uber.org/zap/zapcore"
	"go.uber.org/zap/zaptest"
	"google.golang.org/grpc"
	storagetesting "k8s.io/apiserver/pkg/storage/testing"
)

// dialTimeout is how long a client waits for the server that just said it is ready.
const dialTimeout = 10 * time.Second

// NewTestConfig returns the configuration that tests may change before RunEtcd. Of it,
// WatchProgressNotifyInterval reaches the server under test; Dir is where it keeps its data.
func NewTestConfig(t testing.TB) *embed.Config {
	cfg := embed.NewConfig()
	cfg.Dir = t.TempDir()
	return cfg
}

// RunEtcd starts a server under test with an empty store and returns a client for it. Both end
// with the test. The client carries the recorders that the suites assert on.
func RunEtcd(t testing.TB, cfg *embed.Config) *kubernetes.Client {
	t.Helper()
	if cfg == nil {
		cfg = NewTestConfig(t)
	}
	ready := start(t, cfg)
	tlsConfig, err := ready.clientTLS()
	if err != nil {
		t.Fatal(err)
	}
	client, err := kubernetes.New(clientv3.Config{
		TLS:         tlsConfig,
		Endpoints:   ready.Endpoints,
		DialTimeout: dialTimeout,
		DialOptions: []grpc.DialOption{grpc.WithBlock()},
		Logger:      zaptest.NewLogger(t, zaptest.Level(zapcore.ErrorLevel)).Named("client"),
	})
	if err != nil {
		t.Fatalf("connect to the server under test at %v: %v", ready.Endpoints, err)
	}
	client.KV = storagetesting.NewKVRecorder(client.KV)
	client.Kubernetes = storagetesting.NewKubernetesRecorder(client.Kubernetes)
	return client
}
