//go:build linux

package systemd

import (
	"strings"
	"testing"
)

// upgrade: programs and units are replaced, settings stay, and no service is touched until it is
// restarted; the restart drains.
func upgrade(t *testing.T, m *machine, deb string) {
	m.bring(t, deb)
	m.sh(t, etcdctl+"put before-upgrade 5")
	pids := m.value(t, "netsy-node", "MainPID") + m.value(t, "netsy-elector", "MainPID")
	settings := m.sh(t, "cat /etc/netsy/node.env /etc/netsy/cluster.jsonc")
	m.sh(t, "apt-get install -y -o Dpkg::Options::=--force-confold ./netsy_"+nextVersion+"-1_next.deb")
	if now := m.value(t, "netsy-node", "MainPID") + m.value(t, "netsy-elector", "MainPID"); now != pids {
		t.Errorf("the upgrade restarted services: processes %s, then %s", pids, now)
	}
	if now := m.sh(t, "cat /etc/netsy/node.env /etc/netsy/cluster.jsonc"); now != settings {
		t.Errorf("the upgrade changed settings:\n%s\nbefore:\n%s", now, settings)
	}
	if offered := m.sh(t, "cat /etc/netsy/node.env.dpkg-dist"); !strings.Contains(offered, nextLine) {
		t.Errorf("the new defaults are not beside the settings: %s", offered)
	}
	if got := m.value(t, "netsy-node", "Description") + m.value(t, "netsy-node", "NeedDaemonReload"); got != "Netsy data node, nextno" {
		t.Errorf("systemd's idea of the unit is %s", got)
	}
	running := "/proc/$(systemctl show --value -p MainPID netsy-node)/exe --version"
	if got := m.sh(t, running); !strings.Contains(got, firstVersion) {
		t.Errorf("what runs is %s", got)
	}
	m.sh(t, "systemctl restart netsy-node")
	if got := m.sh(t, running); !strings.Contains(got, nextVersion) {
		t.Errorf("after the restart what runs is %s", got)
	}
	if out := m.sh(t, "journalctl --no-pager -b -o cat _PID=1 -n 20"); strings.Contains(out, "Killing process") || strings.Contains(out, "Failed with result") {
		t.Errorf("the old version didn't end well:\n%s", out)
	}
	serves(t, m, "before-upgrade", "5")
}

// remove stops the services, draining, and keeps settings and data: installed again, all is back.
func remove(t *testing.T, m *machine) {
	m.sh(t, etcdctl+"put before-removal 6")
	m.sh(t, "apt-get remove -y netsy")
	gone(t, m, "/usr/bin/netsy-node", "/usr/lib/systemd/system/netsy-node.service", "/etc/systemd/system/multi-user.target.wants/netsy-node.service")
	stay(t, m, "/etc/netsy/node.env", "/etc/netsy/cluster.jsonc", "/etc/netsy/tls/node.key", "/var/lib/netsy")
	if out := m.sh(t, "ps -o pid,args -u netsy --no-headers 2>/dev/null || grep -l '^Uid:.'$(id -u netsy) /proc/[0-9]*/status || :"); strings.TrimSpace(out) != "" {
		t.Errorf("processes are left: %s", out)
	}
	if out := m.sh(t, "journalctl --no-pager -b -o cat _PID=1 -n 20"); !strings.Contains(out, "netsy-node.service: Deactivated successfully") || strings.Contains(out, "Killing process") {
		t.Errorf("the node didn't end well:\n%s", out)
	}
	m.sh(t, "apt-get install -y ./netsy_"+nextVersion+"-1_next.deb; systemctl enable --now netsy-elector netsy-node")
	serves(t, m, "before-removal", "6")
}

// purge removes what the package brought and what can be made again, and keeps what can't: the data,
// which may hold the only copy of the last writes, and keys.
func purge(t *testing.T, m *machine) {
	m.sh(t, "apt-get purge -y netsy")
	gone(t, m, "/etc/netsy/node.env", "/etc/netsy/elector.env", "/etc/netsy/compactor.env", "/etc/netsy/cluster.jsonc", "/usr/lib/sysusers.d/netsy.conf", "/var/cache/netsy-compactor")
	stay(t, m, "/etc/netsy/tls/node.key", "/var/lib/netsy")
	if out := m.sh(t, "dpkg --audit; dpkg -l | grep netsy || :; systemctl --failed --plain --no-legend"); out != "" {
		t.Errorf("left behind: %s", out)
	}
	m.sh(t, "systemctl poweroff")
	if status := m.ended(t); status != 0 {
		t.Errorf("systemd-nspawn ended with status %d", status)
	}
}

func gone(t *testing.T, m *machine, paths ...string) {
	t.Helper()
	for _, p := range paths {
		if m.exists(p) {
			t.Errorf("%s is still there", p)
		}
	}
}

func stay(t *testing.T, m *machine, paths ...string) {
	t.Helper()
	for _, p := range paths {
		if !m.exists(p) {
			t.Errorf("%s is gone", p)
		}
	}
}
