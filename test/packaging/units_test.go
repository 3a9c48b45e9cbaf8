//go:build linux

package packaging

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

const unitDir = "/usr/lib/systemd/system/"

var services = []string{"netsy-node.service", "netsy-elector.service", "netsy-compactor.service"}

// exposure is what systemd may call a unit at most (10 is the worst): 1.1 is what they
// have, for the network that they serve, and the root and the /proc that they keep.
const exposure = "11" // in tenths

// machine returns a root directory with the package installed and the targets that any system has.
func machine(t *testing.T) string {
	t.Helper()
	root := t.TempDir()
	p, err := readDeb(built.deb)
	if err == nil {
		err = p.install(root)
	}
	if err != nil {
		t.Fatal(err)
	}
	targets, err := filepath.Glob("/lib/systemd/system/*.target")
	if err != nil || len(targets) == 0 {
		t.Fatalf("this system has no targets (%v)", err)
	}
	for _, from := range targets {
		b, err := os.ReadFile(from)
		if err != nil {
			continue // a link to one that isn't installed
		}
		write(t, root+unitDir+filepath.Base(from), string(b), 0o644)
	}
	return root
}

func TestUnitsAreCorrect(t *testing.T) {
	needs(t, "systemd-analyze")
	root := machine(t)
	for _, u := range append(slices.Clone(services), "netsy-compactor.timer") {
		out := output(t, "systemd-analyze", "--root="+root, "verify", "--man=no", u)
		for line := range strings.Lines(out) {
			if strings.Contains(line, "netsy") { // what it says of the system's own is not ours
				t.Errorf("%s: %s", u, line)
			}
		}
	}
}

func TestUnitsAreConfined(t *testing.T) {
	needs(t, "systemd-analyze")
	root := machine(t)
	for _, u := range services {
		output(t, "systemd-analyze", "--root="+root, "security", "--offline=true", "--no-pager", "--threshold="+exposure, u)
	}
}

// sysusers and tmpfiles are run on an empty machine.
func TestUserAndDirectories(t *testing.T) {
	needs(t, "systemd-sysusers")
	needs(t, "systemd-tmpfiles")
	if os.Getuid() != 0 {
		t.Skip("SKIPPED, NOTHING CHECKED: users and owners are root's to make")
	}
	root := machine(t)
	write(t, root+"/etc/netsy/tls/node.key", "a key", 0o666)
	output(t, "systemd-sysusers", "--root="+root, "netsy.conf")
	output(t, "systemd-tmpfiles", "--root="+root, "--create", "netsy.conf")
	passwd, err := os.ReadFile(root + "/etc/passwd")
	if err != nil || !strings.Contains(string(passwd), ":/var/lib/netsy:/usr/sbin/nologin") || !strings.HasPrefix(string(passwd), "netsy:") {
		t.Errorf("users: %s (%v)", passwd, err)
	}
	gid := groupOf(t, root, "netsy")
	for _, path := range []string{"/etc/netsy/tls", "/etc/netsy/tls/node.key"} {
		var st syscall.Stat_t
		if err := syscall.Stat(root+path, &st); err != nil || int(st.Gid) != gid || st.Uid != 0 {
			t.Errorf("%s is %d:%d's (%v), want 0:%d", path, st.Uid, st.Gid, err, gid)
		}
	}
	for path, mode := range map[string]os.FileMode{"/etc/netsy": 0o755, "/etc/netsy/tls": 0o750, "/etc/netsy/tls/node.key": 0o640} {
		i, err := os.Stat(root + path)
		if err != nil || i.Mode().Perm() != mode {
			t.Errorf("%s: %v (%v), want %o", path, i.Mode(), err, mode)
		}
	}
}

func groupOf(t *testing.T, root, name string) int {
	t.Helper()
	b, err := os.ReadFile(root + "/etc/group")
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(b)) {
		if f := strings.Split(strings.TrimSpace(line), ":"); len(f) == 4 && f[0] == name {
			gid, err := strconv.Atoi(f[2])
			if err != nil {
				t.Fatal(err)
			}
			return gid
		}
	}
	t.Fatalf("no group %s", name)
	return 0
}

// A node bounds its own stop; systemd must not cut it short. The bounds are read from the
// source, so that neither changes without the other.
func TestStopIsNotCutShort(t *testing.T) {
	drain, leave := constant(t, "options.go", "drainTimeout"), constant(t, "leave.go", "leaveTimeout")
	own := 2*drain + drain + leave // awaitNoReign, gracefully, takeLeave
	if own != 18*time.Second {
		t.Errorf("a node's stop takes up to %v: say so in systemd/netsy-node.service and docs/vms.md, and here", own)
	}
	u := unit(t, "netsy-node.service")
	seconds, err := strconv.Atoi(u.one("Service", "TimeoutStopSec"))
	if limit := time.Duration(seconds) * time.Second; err != nil || limit < 2*own {
		t.Errorf("TimeoutStopSec is %v (%v), want at least twice %v", limit, err, own)
	}
	guide, err := os.ReadFile("../../docs/vms.md")
	if err != nil || !strings.Contains(string(guide), fmt.Sprintf("%d s in all", own/time.Second)) || !strings.Contains(string(guide), fmt.Sprintf("systemd waits %d s", seconds)) {
		t.Errorf("docs/vms.md tells of other bounds (%v)", err)
	}
	for _, name := range services {
		u := unit(t, name)
		if u.one("Service", "KillSignal") != "SIGTERM" || u.one("Service", "KillMode") != "mixed" {
			t.Errorf("%s isn't stopped by one SIGTERM to its process", name)
		}
		// Stopping is in reverse order: the network goes last.
		if !slices.Contains(strings.Fields(u.one("Unit", "After")), "network-online.target") {
			t.Errorf("%s isn't ordered after the network", name)
		}
	}
}

// What fails is tried again for ever, except for the compactor's passes.
func TestRestarts(t *testing.T) {
	for _, name := range services[:2] {
		u := unit(t, name)
		if u.one("Service", "Restart") != "on-failure" || u.one("Service", "RestartSec") == "" || u.one("Unit", "StartLimitIntervalSec") != "0" {
			t.Errorf("%s gives up", name)
		}
	}
	if u := unit(t, "netsy-compactor.service"); len(u["Service"]["Restart"]) != 0 || u.one("Service", "Type") != "oneshot" || u.one("Service", "ExecStart") != "/usr/bin/netsy-compactor --once" {
		t.Errorf("the compactor is to make one pass")
	}
}

// constant reads a duration of the form n * time.Second from pkg/node.
func constant(t *testing.T, file, name string) time.Duration {
	t.Helper()
	f, err := parser.ParseFile(token.NewFileSet(), "../../pkg/node/"+file, nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	var found time.Duration
	ast.Inspect(f, func(n ast.Node) bool {
		spec, ok := n.(*ast.ValueSpec)
		if !ok || spec.Names[0].Name != name || len(spec.Values) != 1 {
			return true
		}
		if mul, ok := spec.Values[0].(*ast.BinaryExpr); ok {
			lit, isLit := mul.X.(*ast.BasicLit)
			by, isSel := mul.Y.(*ast.SelectorExpr)
			if isLit && isSel && by.Sel.Name == "Second" {
				n, err := strconv.Atoi(lit.Value)
				if err != nil {
					t.Fatal(err)
				}
				found = time.Duration(n) * time.Second
			}
		}
		return true
	})
	if found == 0 {
		t.Fatalf("pkg/node/%s has no constant %s in seconds", file, name)
	}
	return found
}

// unitFile is a unit's settings, by section and name, in order.
type unitFile map[string]map[string][]string

func unit(t *testing.T, name string) unitFile {
	t.Helper()
	u, err := readUnit(filepath.Join("../../systemd", name))
	if err != nil {
		t.Fatal(err)
	}
	return u
}

func readUnit(name string) (unitFile, error) {
	b, err := os.ReadFile(name)
	if err != nil {
		return nil, err
	}
	u, section := unitFile{}, ""
	for line := range strings.Lines(string(b)) {
		line = strings.TrimSpace(line)
		switch k, v, ok := strings.Cut(line, "="); {
		case line == "" || line[0] == '#':
		case line[0] == '[':
			section = strings.Trim(line, "[]")
			u[section] = map[string][]string{}
		case ok:
			u[section][k] = append(u[section][k], v)
		}
	}
	return u, nil
}

func (u unitFile) one(section, name string) string {
	if v := u[section][name]; len(v) == 1 {
		return v[0]
	}
	return ""
}
