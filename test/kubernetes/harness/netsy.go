package harness

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
)

const clusterFile = `{
  "cluster_id": "kubernetes-test",
  "storage": {"provider": "file", "bucket_name": %q},
  "compaction_interval": "5m",
  "etcd_api": %q
}
`

// netsy is one cluster being set up.
type netsy struct {
	Binaries
	ctx                context.Context
	dir, certs, config string
}

// newNetsy returns a Netsy in dir, set up as its users are told to.
func newNetsy(ctx context.Context, b Binaries, dir, etcdAPI string, shape Shape) (*Store, error) {
	n := netsy{b, ctx, dir, filepath.Join(dir, "certs"), filepath.Join(dir, "cluster.jsonc")}
	objects := filepath.Join(dir, "objects")
	if err := os.MkdirAll(objects, 0o700); err != nil {
		return nil, err
	}
	if err := os.WriteFile(n.config, fmt.Appendf(nil, clusterFile, objects, etcdAPI), 0o600); err != nil {
		return nil, err
	}
	if err := n.certificate("ca", "--cluster-id", "kubernetes-test"); err != nil {
		return nil, err
	}
	if err := n.certificate("client", "kube-apiserver"); err != nil {
		return nil, err
	}
	s := &Store{
		CA:   filepath.Join(n.certs, "ca.crt"),
		Cert: filepath.Join(n.certs, "client-kube-apiserver.crt"), Key: filepath.Join(n.certs, "client-kube-apiserver.key"),
		lock: filepath.Join(objects, "~lock"),
	}
	for i := range shape.Nodes {
		node, endpoint, err := n.node(fmt.Sprintf("node-%d", i+1))
		if err != nil {
			return nil, err
		}
		s.Nodes, s.Endpoints = append(s.Nodes, node), append(s.Endpoints, endpoint)
	}
	for i := range shape.Electors {
		elector, err := n.elector(fmt.Sprintf("elector-%d", i+1))
		if err != nil {
			return nil, err
		}
		s.Electors = append(s.Electors, elector)
	}
	return s, nil
}

// certificate runs netsyctl cert.
func (n *netsy) certificate(kind string, args ...string) error {
	args = append([]string{"cert", kind, "--dir", n.certs}, args...)
	if out, err := exec.CommandContext(n.ctx, n.Ctl, args...).CombinedOutput(); err != nil {
		return fmt.Errorf("netsyctl %v: %w\n%s", args, err, out)
	}
	return nil
}

func (n *netsy) node(id string) (m *Member, endpoint string, err error) {
	ports, err := freePorts(3)
	if err != nil {
		return nil, "", err
	}
	if err := n.certificate("node", "--ip", "127.0.0.1", id); err != nil {
		return nil, "", err
	}
	client, peer, health := ports[0], ports[1], ports[2]
	p := n.process(id, n.Node, id, "NETSY_DATA_DIR="+filepath.Join(n.dir, id),
		"NETSY_BIND_CLIENT="+client, "NETSY_ADVERTISE_CLIENT="+client, "NETSY_BIND_PEER="+peer, "NETSY_ADVERTISE_PEER="+peer, "NETSY_BIND_HEALTH="+health)
	return &Member{Process: p, health: "http://" + health, leads: "\nnetsy_node_primary 1\n"}, "https://" + client, nil
}

func (n *netsy) elector(id string) (*Member, error) {
	ports, err := freePorts(2)
	if err != nil {
		return nil, err
	}
	if err := n.certificate("elector", "--ip", "127.0.0.1", id); err != nil {
		return nil, err
	}
	election, health := ports[0], ports[1]
	p := n.process(id, n.Elector, "elector-"+id, "NETSY_BIND_ELECTION="+election, "NETSY_ADVERTISE_ELECTION="+election, "NETSY_BIND_HEALTH="+health)
	// The metric is there only while the elector is in office.
	return &Member{Process: p, health: "http://" + health, leads: "\nnetsy_elector_epoch "}, nil
}

func (n *netsy) process(id, path, pair string, env ...string) *Process {
	return &Process{
		Name: id, Path: path, LogPath: filepath.Join(n.dir, id+".log"),
		Env: append(env, "NETSY_CONFIG="+n.config, "NETSY_NODE_ID="+id, "NETSY_TLS_CA="+filepath.Join(n.certs, "ca.crt"),
			"NETSY_TLS_CERT="+filepath.Join(n.certs, pair+".crt"), "NETSY_TLS_KEY="+filepath.Join(n.certs, pair+".key")),
	}
}
