package migration

import (
	"context"
	"io"
	"net/url"
	"os"
	"path/filepath"
	"testing"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"
	etcdutl "go.etcd.io/etcd/etcdutl/v3/snapshot"
	"go.etcd.io/etcd/server/v3/embed"
	"go.uber.org/zap"
)

// patience bounds each wait for another system; none takes more than seconds.
const patience = time.Minute

func check(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// etcd is a real etcd in this process.
type etcd struct {
	*clientv3.Client
	server *embed.Etcd
}

// startEtcd starts an etcd on what is in dir.
func startEtcd(t testing.TB, dir string) *etcd {
	t.Helper()
	free := []url.URL{{Scheme: "http", Host: "127.0.0.1:0"}}
	cfg := embed.NewConfig()
	cfg.Dir = dir
	cfg.UnsafeNoFsync = true // nothing of it outlives the test
	cfg.ListenClientUrls, cfg.AdvertiseClientUrls = free, free
	cfg.ListenPeerUrls, cfg.AdvertisePeerUrls = free, free
	cfg.InitialCluster = cfg.InitialClusterFromName(cfg.Name)
	cfg.LogLevel = "panic" // it logs its own shutdown as an error
	server, err := embed.StartEtcd(cfg)
	check(t, err)
	e := &etcd{server: server}
	t.Cleanup(e.stop)
	select {
	case <-server.Server.ReadyNotify():
	case err := <-server.Err():
		t.Fatal(err)
	case <-time.After(patience):
		t.Fatal("etcd doesn't start")
	}
	e.Client, err = clientv3.New(clientv3.Config{Endpoints: []string{"http://" + server.Clients[0].Addr().String()}, DialTimeout: patience, Logger: zap.NewNop()})
	check(t, err)
	return e
}

// stop ends it; a second time does nothing.
func (e *etcd) stop() {
	if e.Client != nil {
		e.Client.Close()
	}
	if e.server != nil {
		e.server.Close()
	}
	e.Client, e.server = nil, nil
}

// save does what `etcdctl snapshot save` does, but for the hash, which the server sends.
func (e *etcd) save(t testing.TB) string {
	t.Helper()
	r, err := e.Snapshot(t.Context())
	check(t, err)
	defer r.Close()
	path := filepath.Join(t.TempDir(), "etcd.db")
	f, err := os.Create(path)
	check(t, err)
	_, err = io.Copy(f, r)
	check(t, err)
	check(t, f.Close())
	return path
}

// restore does what `etcdutl snapshot restore` does, and starts etcd on it.
func restore(t testing.TB, file string) *etcd {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "restored")
	cfg := embed.NewConfig()
	check(t, etcdutl.NewV3(zap.NewNop()).Restore(etcdutl.RestoreConfig{
		SnapshotPath: file, OutputDataDir: dir, Name: cfg.Name, PeerURLs: []string{"http://127.0.0.1:0"},
		InitialCluster: cfg.Name + "=http://127.0.0.1:0", InitialClusterToken: "restored",
	}))
	return startEtcd(t, dir)
}

func within(t testing.TB) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	t.Cleanup(cancel)
	return ctx
}
