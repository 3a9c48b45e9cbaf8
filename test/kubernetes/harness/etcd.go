package harness

import (
	"fmt"
	"path/filepath"
	"strings"
)

// newEtcd returns an etcd of some members in dir.
func newEtcd(b Binaries, dir string, nodes int) (*Store, error) {
	ports, err := freePorts(2 * nodes)
	if err != nil {
		return nil, err
	}
	var cluster []string
	for i := range nodes {
		cluster = append(cluster, fmt.Sprintf("etcd-%d=http://%s", i+1, ports[2*i+1]))
	}
	s := &Store{}
	for i := range nodes {
		name, client, peer := fmt.Sprintf("etcd-%d", i+1), "http://"+ports[2*i], "http://"+ports[2*i+1]
		p := &Process{
			Name: name, Path: b.Etcd, DiesOfSignal: true, LogPath: filepath.Join(dir, name+".log"),
			Args: []string{
				"--name", name, "--data-dir", filepath.Join(dir, name), "--log-level", "warn",
				"--listen-client-urls", client, "--advertise-client-urls", client,
				"--listen-peer-urls", peer, "--initial-advertise-peer-urls", peer, "--initial-cluster", strings.Join(cluster, ","),
				"--watch-progress-notify-interval", "5s", // as kubeadm sets it
			},
		}
		s.Nodes = append(s.Nodes, &Member{Process: p, health: client, leads: "\netcd_server_is_leader 1\n"})
		s.Endpoints = append(s.Endpoints, client)
	}
	return s, nil
}
