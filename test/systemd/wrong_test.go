//go:build linux

package systemd

import (
	"context"
	"errors"
	"testing"
)

// wrongSettings: a node that can't ever start with its settings isn't started again and again. What
// may still come, such as a certificate, is awaited.
func wrongSettings(t *testing.T, m *machine) {
	m.put(t, "/etc/systemd/system/netsy-node.service.d/wrong.conf", "[Service]\nEnvironment=NETSY_BIND_CLIENT=nowhere\n")
	m.sh(t, "systemctl daemon-reload; systemctl restart netsy-node || :")
	m.is(t, "netsy-node", "ActiveState", "failed")
	if got := m.value(t, "netsy-node", "ExecMainStatus") + " " + m.value(t, "netsy-node", "NRestarts"); got != "78 0" {
		t.Errorf("status and restarts are %s, want 78 0", got)
	}
	m.sh(t, "rm -r /etc/systemd/system/netsy-node.service.d; systemctl daemon-reload; systemctl start netsy-node")
	serves(t, m, "before-kill", "3")

	m.sh(t, "systemctl stop netsy-node; mv /etc/netsy/tls/node.crt /root/; systemctl start --no-block netsy-node")
	until(t, "the node is started again", func(context.Context) error {
		if m.value(t, "netsy-node", "NRestarts") == "0" {
			return errors.New("it isn't")
		}
		return nil
	})
	m.sh(t, "mv /root/node.crt /etc/netsy/tls/")
	serves(t, m, "before-kill", "3")
}
