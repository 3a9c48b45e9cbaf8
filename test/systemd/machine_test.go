//go:build linux

package systemd

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// machine is a Debian under its own systemd: process, mount, network and IPC namespaces of its own,
// and nothing but a loopback interface.
type machine struct {
	t       *testing.T
	root    string
	console string // what its console showed, over all boots

	nspawn *exec.Cmd
	done   chan struct{} // closed when nspawn has ended
	leader int           // its process 1, as this machine numbers it
}

// rebooted is nspawn's exit status when the machine wants to boot again.
const rebooted = 133

func newMachine(t *testing.T) *machine {
	t.Helper()
	m := &machine{t: t, root: debian(t), console: filepath.Join(t.TempDir(), "console")}
	t.Cleanup(m.halt)
	if err := m.boot(); err != nil {
		console, _ := os.ReadFile(m.console)
		unable(t, "systemd doesn't boot in a container here: %v\n%s", err, console)
	}
	return m
}

// boot returns when the machine has come up, whole.
func (m *machine) boot() error {
	m.t.Helper()
	console, err := os.OpenFile(m.console, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		return err
	}
	defer console.Close()
	// Without --register and with --keep-unit it asks nothing of this machine's own systemd, if there is one.
	cmd := exec.Command("systemd-nspawn", "--register=no", "--keep-unit", "--private-network", "--console=read-only",
		"--machine=netsy-test", "--hostname=node-1", "--resolv-conf=off", "--timezone=off", "--link-journal=no", "--directory="+m.root, "--boot")
	cmd.Stdout, cmd.Stderr = console, console
	// As machines are: one hierarchy of control groups, also where this machine still has the old ones.
	cmd.Env = append(os.Environ(), "SYSTEMD_NSPAWN_UNIFIED_HIERARCHY=1")
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := cmd.Start(); err != nil {
		return err
	}
	done := make(chan struct{})
	go func() { _ = cmd.Wait(); close(done) }()
	m.nspawn, m.done, m.leader = cmd, done, 0

	ctx, cancel := context.WithTimeout(m.t.Context(), eventTimeout)
	defer cancel()
	for {
		state, err := m.state(ctx)
		switch state {
		case "running":
			return nil
		case "degraded":
			failed, _ := m.try(ctx, "systemctl --failed --no-legend --plain")
			return fmt.Errorf("units failed: %s", failed)
		}
		select {
		case <-done:
			return fmt.Errorf("systemd-nspawn ended: %v", cmd.ProcessState)
		case <-ctx.Done():
			return fmt.Errorf("it is %q (%w) after %s", state, err, eventTimeout)
		case <-time.After(200 * time.Millisecond):
		}
	}
}

// state is what systemd says of the machine as a whole.
func (m *machine) state(ctx context.Context) (string, error) {
	if m.leader == 0 {
		pid := strconv.Itoa(m.nspawn.Process.Pid)
		b, err := os.ReadFile("/proc/" + pid + "/task/" + pid + "/children")
		if err != nil {
			return "", err
		}
		children := strings.Fields(string(b))
		if len(children) != 1 {
			return "", fmt.Errorf("systemd-nspawn has %d children", len(children))
		}
		// Until it is systemd it is nspawn on its way into its namespaces.
		comm, err := os.ReadFile("/proc/" + children[0] + "/comm")
		if err != nil || strings.TrimSpace(string(comm)) != "systemd" {
			return "", errors.Join(err, fmt.Errorf("its process 1 is still %q", comm))
		}
		if m.leader, err = strconv.Atoi(children[0]); err != nil {
			return "", err
		}
	}
	out, err := m.try(ctx, "systemctl is-system-running || :")
	return strings.TrimSpace(out), err
}

// try runs a shell script on the machine, as root.
func (m *machine) try(ctx context.Context, script string) (string, error) {
	cmd := exec.CommandContext(ctx, "nsenter", "--target", strconv.Itoa(m.leader), "--all", "--", "/usr/bin/env", "-i",
		"PATH=/usr/sbin:/usr/bin:/sbin:/bin", "HOME=/root", "LC_ALL=C.UTF-8", "SYSTEMD_PAGER=", "DEBIAN_FRONTEND=noninteractive", "sh", "-euc", "cd; "+script)
	out, err := cmd.CombinedOutput()
	if err != nil {
		return string(out), fmt.Errorf("%s: %w: %s", script, err, out)
	}
	return string(out), nil
}

// sh runs a shell script that must succeed.
func (m *machine) sh(t *testing.T, script string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), eventTimeout)
	defer cancel()
	out, err := m.try(ctx, script)
	if err != nil {
		journal, _ := m.try(t.Context(), "journalctl --no-pager -o short-precise -n 60 -u 'netsy-*'")
		t.Fatalf("%v\nthe journal:\n%s", err, journal)
	}
	return out
}

// value is one property of a unit.
func (m *machine) value(t *testing.T, unit, property string) string {
	t.Helper()
	return strings.TrimSpace(m.sh(t, "systemctl show --value -p "+property+" "+unit))
}

// is awaits a property's value.
func (m *machine) is(t *testing.T, unit, property, want string) {
	t.Helper()
	until(t, unit+" has "+property+"="+want, func(context.Context) error {
		if got := m.value(t, unit, property); got != want {
			return fmt.Errorf("it is %q", got)
		}
		return nil
	})
}

// put writes a file of the machine.
func (m *machine) put(t *testing.T, path, content string) {
	t.Helper()
	full := filepath.Join(m.root, path)
	check(t, os.MkdirAll(filepath.Dir(full), 0o755))
	check(t, os.WriteFile(full, []byte(content), 0o644))
}

func (m *machine) exists(path string) bool {
	_, err := os.Lstat(filepath.Join(m.root, path))
	return err == nil
}

// bring copies a file of this machine to /root.
func (m *machine) bring(t *testing.T, file string) {
	t.Helper()
	run(t, "", "cp", file, filepath.Join(m.root, "root", filepath.Base(file)))
}

// ended awaits the end of nspawn, and returns its exit status.
func (m *machine) ended(t *testing.T) int {
	t.Helper()
	select {
	case <-m.done:
		return m.nspawn.ProcessState.ExitCode()
	case <-time.After(eventTimeout):
		console, _ := os.ReadFile(m.console)
		t.Fatalf("the machine doesn't go down\n%s", console)
		return -1
	}
}

// reboot is systemctl reboot, as an operator does it.
func (m *machine) reboot(t *testing.T) {
	t.Helper()
	m.sh(t, "systemctl reboot")
	if status := m.ended(t); status != rebooted {
		t.Fatalf("systemd-nspawn ended with status %d, want %d", status, rebooted)
	}
	check(t, m.boot())
}

// halt ends the machine, however it is.
func (m *machine) halt() {
	if m.nspawn == nil {
		return
	}
	select {
	case <-m.done:
		return
	default:
	}
	if m.leader != 0 {
		_ = syscall.Kill(m.leader, syscall.SIGKILL) // the kernel ends everything in the machine with it, then nspawn cleans up
		select {
		case <-m.done:
			return
		case <-time.After(eventTimeout):
		}
	}
	_ = m.nspawn.Process.Kill()
	<-m.done
}
