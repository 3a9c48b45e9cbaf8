//go:build linux

package systemd

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"strings"
	"testing"
)

// TestMachine is one machine's life. Each part begins with what the one before it left: services that run.
func TestMachine(t *testing.T) {
	needs(t, "systemd-nspawn", "mmdebstrap", "dpkg-deb", "nsenter")
	dir := t.TempDir()
	deb := buildDeb(t, dir)
	next := nextDeb(t, deb, dir)
	m := newMachine(t)
	startS3(t, m)
	for _, part := range []struct {
		name string
		run  func(*testing.T, *machine)
	}{
		{"install", func(t *testing.T, m *machine) { install(t, m, deb) }},
		{"start", start},
		{"confinement", confinement},
		{"compactor", compactor},
		{"stop", stop},
		{"kill", kill},
		{"object storage away", storageAway},
		{"wrong settings", wrongSettings},
		{"reboot", reboot},
		{"upgrade", func(t *testing.T, m *machine) { upgrade(t, m, next) }},
		{"remove", remove},
		{"purge", purge},
	} {
		if !t.Run(part.name, func(t *testing.T) { part.run(t, m) }) {
			return
		}
	}
}

// A fresh installation starts nothing and enables nothing, and systemd finds nothing wrong with it.
func install(t *testing.T, m *machine, deb string) {
	m.bring(t, deb)
	m.sh(t, "apt-get install -y ./netsy_"+firstVersion+"-1_*.deb")
	for _, unit := range []string{"netsy-node.service", "netsy-elector.service", "netsy-compactor.timer"} {
		if got := m.value(t, unit, "UnitFileState") + " " + m.value(t, unit, "ActiveState"); got != "disabled inactive" {
			t.Errorf("%s is %s after the installation", unit, got)
		}
	}
	units := "netsy-node.service netsy-elector.service netsy-compactor.service"
	if out := m.sh(t, "systemd-analyze verify --man=no "+units+" netsy-compactor.timer 2>&1"); strings.Contains(out, "netsy") {
		t.Error(out)
	}
	m.sh(t, "systemd-analyze security --threshold=11 --no-pager "+units)
	if out := m.sh(t, "stat -c '%U:%G %a' /etc/netsy/tls; getent passwd netsy; stat -c %a /etc/netsy/node.env"); !regexp.MustCompile(
		`(?m)\Aroot:netsy 750\nnetsy:x:\d+:\d+:Netsy:/var/lib/netsy:/usr/sbin/nologin\n600\n\z`).MatchString(out) {
		t.Error(out)
	}
}

// The guide's commands make a cluster that etcdctl can use.
func start(t *testing.T, m *machine) {
	settle(t, m)
	if out := m.sh(t, "stat -c '%n %U:%G %a' /etc/netsy/tls/node.key /etc/netsy/tls/node.crt"); out !=
		"/etc/netsy/tls/node.key root:netsy 640\n/etc/netsy/tls/node.crt root:netsy 644\n" {
		t.Errorf("owners and modes: %s", out)
	}
	m.sh(t, validation(t, m))
	m.sh(t, "systemctl enable --now netsy-elector netsy-node netsy-compactor.timer")
	ready(t, m, electorHealth)
	ready(t, m, nodeHealth)
	m.sh(t, etcdctl+"put first 1")
	serves(t, m, "first", "1")
	if out := m.sh(t, "netsyctl config validate /etc/netsy/cluster.jsonc; . /etc/netsy/node.env; export AWS_ACCESS_KEY_ID AWS_SECRET_ACCESS_KEY;"+
		" netsyctl cluster show --config /etc/netsy/cluster.jsonc"); !strings.Contains(out, "node-1") {
		t.Errorf("cluster show doesn't know the node:\n%s", out)
	}
}

// validation is the command that node.env tells people to check their settings with.
func validation(t *testing.T, m *machine) string {
	t.Helper()
	var command string
	for line := range strings.Lines(m.sh(t, "cat /etc/netsy/node.env")) {
		text, comment := strings.CutPrefix(strings.TrimSpace(line), "#")
		text = strings.TrimSpace(text)
		if strings.HasPrefix(text, "systemd-run") || comment && command != "" && strings.HasSuffix(command, "\\\n") {
			command += text + "\n"
		}
	}
	if !strings.Contains(command, "--validate") {
		t.Fatalf("node.env has no such command: %q", command)
	}
	return strings.Replace(command, "--pty", "--pipe", 1) // there is no terminal here
}

// confinement: what the units ask for is what the kernel does.
func confinement(t *testing.T, m *machine) {
	for _, unit := range []string{"netsy-node", "netsy-elector"} {
		pid := m.value(t, unit, "MainPID")
		status := m.sh(t, "cat /proc/"+pid+"/status; cat /proc/"+pid+"/limits")
		for _, want := range []string{
			`(?m)^NoNewPrivs:\s+1$`, `(?m)^Seccomp:\s+2$`, `(?m)^CapEff:\s+0+$`, `(?m)^CapBnd:\s+0+$`, `(?m)^CapPrm:\s+0+$`,
			`(?m)^Uid:\s+[1-9]\d*\s`, `(?m)^Max core file size\s+0\s+0\s`,
		} {
			if !regexp.MustCompile(want).MatchString(status) {
				t.Errorf("%s: no %s in\n%s", unit, want, status)
			}
		}
		// In its mount namespace, not even as root.
		for _, path := range []string{"/usr/bin/x", "/etc/netsy/x", "/var/x", "/root/x", "/sys/fs/cgroup/x"} {
			if out, err := m.try(t.Context(), "nsenter -t "+pid+" -m -- touch "+path); err == nil || !strings.Contains(out, "touch:") {
				t.Errorf("%s can write %s: %s %v", unit, path, out, err)
			}
		}
		if out := m.sh(t, "readlink /proc/"+pid+"/ns/user /proc/1/ns/user | sort -u | wc -l"); strings.TrimSpace(out) != "2" {
			t.Errorf("%s has the users of the machine", unit)
		}
	}
	if out := m.sh(t, "ls -A /var/lib/netsy | head -1; nsenter -t "+m.value(t, "netsy-elector", "MainPID")+" -m -- ls -A /var/lib/netsy"); strings.Count(out, "\n") != 1 {
		t.Errorf("the elector sees the node's data: %s", out)
	}
}

// compactor: a pass by hand, and passes by the timer.
func compactor(t *testing.T, m *machine) {
	m.sh(t, "systemctl start netsy-compactor.service")
	if got := m.value(t, "netsy-compactor", "Result") + m.value(t, "netsy-compactor", "ExecMainStatus"); got != "success0" {
		t.Errorf("a pass ended with %s", got)
	}
	before := m.value(t, "netsy-compactor", "InvocationID")
	m.put(t, "/etc/systemd/system/netsy-compactor.timer.d/soon.conf", "[Timer]\nOnUnitInactiveSec=\nOnUnitInactiveSec=1\nRandomizedDelaySec=0\nAccuracySec=1\n")
	m.sh(t, "systemctl daemon-reload; systemctl restart netsy-compactor.timer")
	until(t, "a pass by the timer", func(context.Context) error {
		if m.value(t, "netsy-compactor", "InvocationID") == before {
			return errors.New("none")
		}
		return nil
	})
	m.sh(t, "rm -r /etc/systemd/system/netsy-compactor.timer.d; systemctl daemon-reload; systemctl restart netsy-compactor.timer")
	m.is(t, "netsy-compactor", "ActiveState", "inactive")
	if got := m.value(t, "netsy-compactor", "Result"); got != "success" {
		t.Errorf("a pass by the timer ended with %s", got)
	}
}

// stop drains: what was acknowledged is in the bucket, even if the disk is gone afterwards.
func stop(t *testing.T, m *machine) {
	m.sh(t, etcdctl+"put before-stop 2")
	m.sh(t, "systemctl stop netsy-node")
	endedWell(t, m, "netsy-node")
	m.sh(t, "rm -rf /var/lib/netsy/*; systemctl start netsy-node")
	// A start that is done is one that is ready.
	if out, err := m.try(t.Context(), "curl -sS --fail-with-body "+nodeHealth+"/readyz"); err != nil {
		t.Errorf("systemd calls the node started, and it says %s (%v)", out, err)
	}
	serves(t, m, "before-stop", "2")
	m.sh(t, "systemctl stop netsy-elector")
	endedWell(t, m, "netsy-elector")
	m.sh(t, "systemctl start netsy-elector")
	ready(t, m, electorHealth)
}

// endedWell: by itself, with status 0, and not killed.
func endedWell(t *testing.T, m *machine, unit string) {
	t.Helper()
	got := fmt.Sprintln(m.value(t, unit, "ActiveState"), m.value(t, unit, "Result"), m.value(t, unit, "ExecMainCode"), m.value(t, unit, "ExecMainStatus"))
	if want := "inactive success 1 0\n"; got != want { // 1: CLD_EXITED
		t.Errorf("%s ended with %swant %s%s", unit, got, want, m.sh(t, "journalctl --no-pager -n 40 -u "+unit))
	}
}

// kill: whoever dies is started again, and has lost nothing.
func kill(t *testing.T, m *machine) {
	m.sh(t, etcdctl+"put before-kill 3")
	for _, unit := range []string{"netsy-node", "netsy-elector"} {
		pid := m.value(t, unit, "MainPID")
		m.sh(t, "systemctl kill --kill-who=main --signal=KILL "+unit)
		until(t, unit+" is started again", func(context.Context) error {
			if now := m.value(t, unit, "MainPID"); now == "0" || now == pid || m.value(t, unit, "NRestarts") == "0" {
				return fmt.Errorf("its process was %s and is %s", pid, now)
			}
			return nil
		})
	}
	ready(t, m, electorHealth)
	serves(t, m, "before-kill", "3")
}

// storageAway: services that start while object storage is away come when it does, without help.
func storageAway(t *testing.T, m *machine) {
	m.sh(t, "systemctl stop netsy-node netsy-elector s3; systemctl start --no-block netsy-node netsy-elector")
	until(t, "the node says what it waits for", func(context.Context) error {
		if text := m.value(t, "netsy-node", "StatusText"); !strings.Contains(text, "registering") && !strings.Contains(text, "object storage") {
			return fmt.Errorf("its status is %q", text)
		}
		return nil
	})
	if got := m.value(t, "netsy-node", "ActiveState"); got != "activating" {
		t.Errorf("without object storage the node is %s", got)
	}
	if _, err := m.try(t.Context(), "curl -sS --fail-with-body "+nodeHealth+"/readyz"); err == nil {
		t.Error("the node is ready without object storage")
	}
	m.sh(t, "systemctl start s3")
	ready(t, m, electorHealth)
	serves(t, m, "before-kill", "3")
}

// reboot: everything that is enabled comes back, and went well.
func reboot(t *testing.T, m *machine) {
	m.sh(t, etcdctl+"put before-reboot 4")
	m.reboot(t)
	serves(t, m, "before-reboot", "4")
	m.is(t, "netsy-compactor.timer", "ActiveState", "active")
	last := m.sh(t, "journalctl --no-pager -b -1 -o cat _PID=1")
	for _, unit := range []string{"netsy-node", "netsy-elector"} {
		if !strings.Contains(last, unit+".service: Deactivated successfully.") {
			t.Errorf("%s didn't end well before the reboot:\n%s", unit, m.sh(t, "journalctl --no-pager -b -1 -n 60"))
		}
	}
	if strings.Contains(last, "Killing process") {
		t.Errorf("something was killed before the reboot:\n%s", last)
	}
}
