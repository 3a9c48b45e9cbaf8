package harness

import (
	"context"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"time"

	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
)

const (
	adminToken = "test-admin"
	// readyTimeout bounds a start: the first of an empty cluster creates all RBAC roles.
	readyTimeout = 2 * time.Minute
	// AdvertiseAddress is the one under which kube-apiserver enters itself, for as long as its
	// lease is renewed, into the endpoints of the service "kubernetes". Nothing listens there.
	AdvertiseAddress = "192.0.2.1"
)

// Options of kube-apiserver that tests need shorter than they are.
type Options struct {
	EventTTL           time.Duration
	CompactionInterval time.Duration // 0: the store compacts by itself
}

// APIServer is an unmodified kube-apiserver and its clients' configuration.
type APIServer struct {
	*Process
	Config *rest.Config // of an administrator
}

// NewAPIServer prepares a kube-apiserver, with what it needs in dir.
func NewAPIServer(b Binaries, dir string, store *Store, o Options) (*APIServer, error) {
	keyFile, tokenFile, certDir := filepath.Join(dir, "service-accounts.key"), filepath.Join(dir, "tokens.csv"), filepath.Join(dir, "apiserver")
	if err := writeServiceAccountKey(keyFile); err != nil {
		return nil, err
	}
	if err := os.WriteFile(tokenFile, []byte(adminToken+`,admin,admin,"system:masters"`+"\n"), 0o600); err != nil {
		return nil, err
	}
	ports, err := freePorts(1)
	if err != nil {
		return nil, err
	}
	_, port, err := net.SplitHostPort(ports[0])
	if err != nil {
		return nil, err
	}
	args := []string{
		"--etcd-servers=" + strings.Join(store.Endpoints, ","),
		"--bind-address=127.0.0.1", "--secure-port=" + port, "--cert-dir=" + certDir, "--advertise-address=" + AdvertiseAddress,
		"--token-auth-file=" + tokenFile, "--authorization-mode=RBAC",
		"--service-cluster-ip-range=10.96.0.0/16",
		"--service-account-issuer=https://kubernetes.test", "--service-account-key-file=" + keyFile, "--service-account-signing-key-file=" + keyFile,
		"--disable-admission-plugins=ServiceAccount",   // its objects come from controllers that don't run here
		"--shutdown-watch-termination-grace-period=2s", // else a stop waits a minute for open watches
		"--event-ttl=" + o.EventTTL.String(),
		"--etcd-compaction-interval=" + o.CompactionInterval.String(),
	}
	if store.CA != "" {
		args = append(args, "--etcd-cafile="+store.CA, "--etcd-certfile="+store.Cert, "--etcd-keyfile="+store.Key)
	}
	return &APIServer{
		Process: &Process{
			Name: "kube-apiserver", Path: b.APIServer, Args: args, LogPath: filepath.Join(dir, "kube-apiserver.log"),
			// Panics if what the watch cache holds differs from the store.
			Env: []string{"KUBE_WATCHCACHE_CONSISTENCY_CHECKER=true"},
		},
		Config: &rest.Config{
			Host: "https://" + ports[0], BearerToken: adminToken,
			TLSClientConfig: rest.TLSClientConfig{CAFile: filepath.Join(certDir, "apiserver.crt"), ServerName: "kubernetes.default.svc"},
			QPS:             -1, // no limit of the client's own
		},
	}, nil
}

// Start starts kube-apiserver and waits until it is ready.
func (a *APIServer) Start(ctx context.Context) error {
	if err := a.Process.Start(); err != nil {
		return err
	}
	return a.Ready(ctx)
}

// Ready waits until /readyz says so.
func (a *APIServer) Ready(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, readyTimeout)
	defer cancel()
	var last error
	for {
		if last = a.readyz(ctx); last == nil {
			return nil
		}
		if !a.Running() {
			return fmt.Errorf("kube-apiserver ended, see %s: %w", a.LogPath, last)
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("kube-apiserver isn't ready after %s, see %s: %w", readyTimeout, a.LogPath, last)
		case <-time.After(100 * time.Millisecond):
		}
	}
}

func (a *APIServer) readyz(ctx context.Context) error {
	// Its certificate is there once it has made it.
	client, err := kubernetes.NewForConfig(a.Config)
	if err != nil {
		return err
	}
	return client.RESTClient().Get().AbsPath("/readyz").Do(ctx).Error()
}

func writeServiceAccountKey(path string) error {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		return err
	}
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return err
	}
	return os.WriteFile(path, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}), 0o600)
}
