//go:build linux

package packaging

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/netsy-io/netsy/pkg/identity"
	"github.com/netsy-io/netsy/test/internal/proc"
)

// site is a machine on which the services run: one bucket, one CA.
type site struct {
	dir, config, tls string
	ca               *identity.CA
}

func newSite(t *testing.T) *site {
	t.Helper()
	dir := t.TempDir()
	s := &site{dir: dir, config: filepath.Join(dir, "cluster.jsonc"), tls: filepath.Join(dir, "tls"), ca: newCA(t, "prod")}
	bucket := filepath.Join(dir, "bucket")
	if err := os.Mkdir(bucket, 0o700); err != nil {
		t.Fatal(err)
	}
	write(t, s.config, fmt.Sprintf(`{"cluster_id": "prod", "storage": {"provider": "file", "bucket_name": %q}}`, bucket), 0o644)
	issue(t, s.ca, identity.RolePeer, "node-1", s.tls, "node")
	issue(t, s.ca, identity.RoleElector, "elector-1", s.tls, "elector")
	giveAway(t, dir)
	return s
}

// giveAway makes everything nobody's, if the tests are root's: see becomeNobody.
func giveAway(t *testing.T, dir string) {
	t.Helper()
	if os.Getuid() != 0 {
		return
	}
	err := filepath.WalkDir(dir, func(path string, _ os.DirEntry, err error) error {
		return errors.Join(err, os.Chown(path, nobody, nobody))
	})
	if err := errors.Join(err, os.Chmod(filepath.Dir(dir), 0o755)); err != nil {
		t.Fatal(err)
	}
}

// start runs a unit's program, confined as the unit says.
func (s *site) start(t *testing.T, program string, env ...string) *proc.Proc {
	t.Helper()
	unitPath, err := filepath.Abs("../../systemd/netsy-" + program + ".service")
	if err != nil {
		t.Fatal(err)
	}
	u, err := readUnit(unitPath)
	if err != nil {
		t.Fatal(err)
	}
	argv := strings.Fields(u.one("Service", "ExecStart"))
	argv[0] = built.root + argv[0]
	return proc.Start(t, proc.Config{
		Name: program, Binary: os.Args[0], Args: argv, LogFile: filepath.Join(s.dir, program+".log"),
		Env: append([]string{
			"PATH=/usr/bin:/bin", sandboxVariable + "=" + unitPath, "NETSY_CONFIG=" + s.config, "NETSY_DATA_DIR=" + filepath.Join(s.dir, "data"),
			"NETSY_TLS_CA=" + s.tls + "/ca.crt", "NETSY_TLS_CERT=" + s.tls + "/" + program + ".crt", "NETSY_TLS_KEY=" + s.tls + "/" + program + ".key",
		}, env...),
	})
}

// A node, an elector and a pass of the compactor do their work under the system call
// filters of their units, with no memory that is both written and executed: any call
// that isn't allowed would kill them. SIGTERM ends them well.
func TestServicesWorkConfined(t *testing.T) {
	needs(t, "systemd-analyze")
	s := newSite(t)
	ctx := t.Context()
	var addrs [5]string
	for i := range addrs {
		addrs[i] = proc.FreeAddr(t)
	}
	at := func(i int) string { return addrs[i] }
	elector := s.start(t, "elector", "NETSY_NODE_ID=elector-1", "NETSY_BIND_ELECTION="+at(0), "NETSY_ADVERTISE_ELECTION="+at(0), "NETSY_BIND_HEALTH="+at(1))
	elector.AwaitHealth(ctx, at(1), "/readyz", "is ready", func(h proc.Health) bool { return h.OK })
	node := s.start(t, "node", "NETSY_NODE_ID=node-1", "NETSY_WITH_ELECTOR=false", "NETSY_BIND_CLIENT="+at(2), "NETSY_ADVERTISE_CLIENT="+at(2),
		"NETSY_BIND_PEER="+at(3), "NETSY_ADVERTISE_PEER="+at(3), "NETSY_BIND_HEALTH="+at(4))
	node.AwaitHealth(ctx, at(4), "/readyz", "is ready", func(h proc.Health) bool { return h.OK && h.Active() })
	endsWell(t, ctx, s.start(t, "compactor", "NETSY_COMPACTOR_DIR="+s.dir))
	for _, p := range []*proc.Proc{node, elector} {
		p.Signal(syscall.SIGTERM)
		endsWell(t, ctx, p)
	}
}

func endsWell(t *testing.T, ctx context.Context, p *proc.Proc) {
	t.Helper()
	ctx, cancel := context.WithTimeout(ctx, proc.EventTimeout)
	defer cancel()
	select {
	case <-p.Done:
	case <-ctx.Done():
		t.Fatalf("%s doesn't end", p.Name)
	}
	if st := p.State(); st == nil || !st.Success() {
		t.Fatalf("%s ended with %v", p.Name, st)
	}
}

// The alarm works: what no unit of ours may do kills.
func TestConfinementKills(t *testing.T) {
	needs(t, "systemd-analyze")
	s := newSite(t)
	for what, argv := range map[string][]string{
		"changing owners":   {"/bin/chown", "0:0", s.config},
		"other priorities":  {"/usr/bin/nice", "-n", "5", "/bin/true"},
		"a packet socket":   {"/usr/bin/env", "perl", "-e", "socket(S, 17, 3, 0)"},
		"a netlink socket":  {"/usr/bin/env", "perl", "-e", "socket(S, 16, 3, 0)"},
		"executable memory": {"/usr/bin/env", "perl", "-e", "syscall(9, 0, 4096, 7, 34, -1, 0)"}, // mmap on amd64
	} {
		unitPath, err := filepath.Abs("../../systemd/netsy-node.service")
		if err != nil {
			t.Fatal(err)
		}
		p := proc.Start(t, proc.Config{Name: what, Binary: os.Args[0], Args: argv, LogFile: filepath.Join(s.dir, "alarm.log"),
			Env: []string{"PATH=/usr/bin:/bin", sandboxVariable + "=" + unitPath}})
		<-p.Done
		ws, ok := p.State().Sys().(syscall.WaitStatus)
		if !ok || !ws.Signaled() || ws.Signal() != syscall.SIGSYS {
			t.Errorf("%s: %v, want death by SIGSYS", what, p.State())
		}
	}
}
