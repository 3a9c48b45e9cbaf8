//go:build linux

package systemd

import (
	"context"
	"path/filepath"
	"strings"
	"testing"
)

const (
	etcdctl = "ETCDCTL_API=3 etcdctl --endpoints https://node-1.example.com:2378 --cacert /root/certs/ca.crt" +
		" --cert /root/certs/client-etcdctl.crt --key /root/certs/client-etcdctl.key "
	credentials = "AWS_ACCESS_KEY_ID=netsy\nAWS_SECRET_ACCESS_KEY=netsy-local-only\n"
	// Beside an elector of its own a node has its health port elsewhere.
	nodeHealth    = "http://localhost:8081"
	electorHealth = "http://localhost:8080"
)

// s3Unit is the object storage: versitygw on a directory.
const s3Unit = `[Unit]
Description=S3 for the test
Before=netsy-node.service netsy-elector.service
[Service]
Environment=ROOT_ACCESS_KEY_ID=netsy ROOT_SECRET_ACCESS_KEY=netsy-local-only
ExecStartPre=/bin/mkdir -p /srv/objects/netsy
ExecStart=/usr/local/bin/versitygw --quiet --port 127.0.0.1:7070 --region us-east-1 posix /srv/objects
[Install]
WantedBy=multi-user.target
`

const clusterFile = `{
  "cluster_id": "prod",
  "storage": {
    "provider": "s3", "bucket_name": "netsy", "endpoint": "http://127.0.0.1:7070", "region": "us-east-1", "path_style": true
  },
  "etcd_api": "etcd"
}
`

// startS3 puts object storage on the machine.
func startS3(t *testing.T, m *machine) {
	t.Helper()
	run(t, "../objectstore", "go", "build", "-o", filepath.Join(m.root, "usr/local/bin/versitygw"), "github.com/versity/versitygw/cmd/versitygw")
	m.put(t, "/etc/systemd/system/s3.service", s3Unit)
	m.sh(t, "systemctl daemon-reload; systemctl enable --now s3")
}

// settle is "Three machines by hand" of docs/vms.md, with the CA on this very machine and an elector
// of its own instead of one inside the node.
func settle(t *testing.T, m *machine) {
	t.Helper()
	m.put(t, "/etc/hosts", "127.0.0.1 localhost node-1 node-1.example.com\n")
	m.sh(t, `netsyctl cert ca --cluster-id prod
		netsyctl cert node --dns node-1.example.com --ip 127.0.0.1 node-1
		netsyctl cert elector elector-1
		netsyctl cert client etcdctl`)
	// Modes and owners are left to tmpfiles, which the guide says makes them right.
	m.sh(t, `cd certs; cp ca.crt /etc/netsy/tls/
		cp node-1.crt /etc/netsy/tls/node.crt; cp node-1.key /etc/netsy/tls/node.key
		cp elector-elector-1.crt /etc/netsy/tls/elector.crt; cp elector-elector-1.key /etc/netsy/tls/elector.key
		systemd-tmpfiles --create netsy.conf`)
	m.put(t, "/etc/netsy/cluster.jsonc", clusterFile)
	m.sh(t, "cat >> /etc/netsy/node.env <<'EOF'\nNETSY_NODE_ID=node-1\nNETSY_BIND_HEALTH=:8081\nNETSY_ADVERTISE_CLIENT=node-1.example.com:2378\n"+
		"NETSY_ADVERTISE_PEER=node-1.example.com:2381\n"+credentials+"EOF\n"+
		"cat >> /etc/netsy/elector.env <<'EOF'\nNETSY_NODE_ID=elector-1\nNETSY_ADVERTISE_ELECTION=node-1.example.com:8443\n"+credentials+"EOF\n"+
		"cat >> /etc/netsy/compactor.env <<'EOF'\n"+credentials+"EOF\n"+
		"netsyctl config validate /etc/netsy/cluster.jsonc")
}

// ready awaits a service that says that it is.
func ready(t *testing.T, m *machine, url string) {
	t.Helper()
	until(t, url+"/readyz", func(ctx context.Context) error {
		_, err := m.try(ctx, "curl -sS --fail-with-body "+url+"/readyz")
		return err
	})
}

// serves: what was written is there.
func serves(t *testing.T, m *machine, key, value string) {
	t.Helper()
	ready(t, m, nodeHealth)
	if got := strings.TrimSpace(m.sh(t, etcdctl+"get --print-value-only "+key)); got != value {
		t.Fatalf("%s is %q, want %q", key, got, value)
	}
}
