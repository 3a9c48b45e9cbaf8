package harness

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
)

// Targets of the tests: NETSY_TEST_TARGET, Netsy by default.
const (
	TargetNetsy = "netsy"
	TargetEtcd  = "etcd"
)

// Store is what kube-apiserver keeps its objects in.
type Store struct {
	Endpoint      string
	CA, Cert, Key string // files; CA is empty for plain text
	// Processes in the order in which they start; the first serves Endpoint.
	Processes []*Process
}

// Start starts all processes. It doesn't wait until they serve: kube-apiserver does.
func (s *Store) Start() error {
	for _, p := range s.Processes {
		if err := p.Start(); err != nil {
			return err
		}
	}
	return nil
}

// Stop stops all processes, in reverse.
func (s *Store) Stop() error {
	var errs []error
	for i := len(s.Processes) - 1; i >= 0; i-- {
		errs = append(errs, s.Processes[i].Stop())
	}
	return errors.Join(errs...)
}

// NewEtcd returns an etcd in dir.
func NewEtcd(b Binaries, dir string) (*Store, error) {
	ports, err := freePorts(2)
	if err != nil {
		return nil, err
	}
	client, peer := "http://"+ports[0], "http://"+ports[1]
	return &Store{Endpoint: client, Processes: []*Process{{
		Name: "etcd", Path: b.Etcd, DiesOfSignal: true, LogPath: filepath.Join(dir, "etcd.log"),
		Args: []string{
			"--data-dir", filepath.Join(dir, "etcd"), "--log-level", "warn",
			"--listen-client-urls", client, "--advertise-client-urls", client,
			"--listen-peer-urls", peer, "--initial-advertise-peer-urls", peer, "--initial-cluster", "default=" + peer,
			"--watch-progress-notify-interval", "5s", // as kubeadm sets it
		},
	}}}, nil
}

const clusterFile = `{
  "cluster_id": "kubernetes-test",
  "storage": {"provider": "file", "bucket_name": %q},
  "compaction_interval": "5m",
  "etcd_api": %q
}
`

// NewNetsy returns a Netsy of one node and one elector in dir, set up as its users are told to.
func NewNetsy(ctx context.Context, b Binaries, dir, etcdAPI string) (*Store, error) {
	ports, err := freePorts(5)
	if err != nil {
		return nil, err
	}
	certs, config := filepath.Join(dir, "certs"), filepath.Join(dir, "cluster.jsonc")
	objects := filepath.Join(dir, "objects")
	if err := os.MkdirAll(objects, 0o700); err != nil {
		return nil, err
	}
	if err := os.WriteFile(config, fmt.Appendf(nil, clusterFile, objects, etcdAPI), 0o600); err != nil {
		return nil, err
	}
	for _, args := range [][]string{
		{"ca", "--cluster-id", "kubernetes-test"}, {"client", "kube-apiserver"},
		{"node", "--ip", "127.0.0.1", "node-1"}, {"elector", "--ip", "127.0.0.1", "elector-1"},
	} {
		args = append([]string{"cert", args[0], "--dir", certs}, args[1:]...)
		if out, err := exec.CommandContext(ctx, b.Ctl, args...).CombinedOutput(); err != nil {
			return nil, fmt.Errorf("netsyctl %v: %w\n%s", args, err, out)
		}
	}
	process := func(name, path, id, pair string, env ...string) *Process {
		return &Process{
			Name: name, Path: path, LogPath: filepath.Join(dir, name+".log"),
			Env: append(env, "NETSY_CONFIG="+config, "NETSY_NODE_ID="+id, "NETSY_TLS_CA="+filepath.Join(certs, "ca.crt"),
				"NETSY_TLS_CERT="+filepath.Join(certs, pair+".crt"), "NETSY_TLS_KEY="+filepath.Join(certs, pair+".key")),
		}
	}
	return &Store{
		Endpoint: "https://" + ports[0],
		CA:       filepath.Join(certs, "ca.crt"), Cert: filepath.Join(certs, "client-kube-apiserver.crt"), Key: filepath.Join(certs, "client-kube-apiserver.key"),
		Processes: []*Process{
			process("netsy-node", b.Node, "node-1", "node-1", "NETSY_DATA_DIR="+filepath.Join(dir, "node-1"),
				"NETSY_BIND_CLIENT="+ports[0], "NETSY_ADVERTISE_CLIENT="+ports[0],
				"NETSY_BIND_PEER="+ports[1], "NETSY_ADVERTISE_PEER="+ports[1], "NETSY_BIND_HEALTH="+ports[2]),
			process("netsy-elector", b.Elector, "elector-1", "elector-elector-1",
				"NETSY_BIND_ELECTION="+ports[3], "NETSY_ADVERTISE_ELECTION="+ports[3], "NETSY_BIND_HEALTH="+ports[4]),
		},
	}, nil
}

// freePorts returns loopback addresses that were free a moment ago. Processes keep theirs when
// they start again.
func freePorts(n int) ([]string, error) {
	var addresses []string
	for range n {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			return nil, err
		}
		defer l.Close()
		addresses = append(addresses, "127.0.0.1:"+strconv.Itoa(l.Addr().(*net.TCPAddr).Port))
	}
	return addresses, nil
}
