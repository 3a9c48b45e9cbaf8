//go:build linux

package packaging

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/netsy-io/netsy/pkg/identity"
)

// unused are variables that a program knows and its unit has no use for.
var unused = map[string][]string{
	"compactor": {"NETSY_BIND_HEALTH", "NETSY_COMPACTOR_INTERVAL"}, // of a service; the unit makes one pass
}

// foreign are variables of others that the files mention.
var foreign = []string{"AWS_REGION", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "GOOGLE_APPLICATION_CREDENTIALS"}

var (
	envLine  = regexp.MustCompile(`^(#?)([A-Z][A-Z0-9_]*)=(.*)$`)
	helpLine = regexp.MustCompile(`(?:\(default: (\S+)\) )?\[\$(NETSY_[A-Z_]+)\]`)
)

// setting is a line of an environment file.
type setting struct {
	name, value string
	commented   bool
}

// decodeEnv reads an environment file as strictly as can be: settings, commented settings,
// comments (which begin with "# ") and empty lines.
func decodeEnv(content string) (all []setting, err error) {
	for line := range strings.Lines(content) {
		line = strings.TrimSuffix(line, "\n")
		m := envLine.FindStringSubmatch(line)
		switch {
		case m != nil && strings.ContainsAny(m[3], "\"'\\ \t"):
			return nil, fmt.Errorf("%q: quotes and spaces are not needed here", line)
		case m != nil:
			all = append(all, setting{m[2], m[3], m[1] == "#"})
		case line != "" && !strings.HasPrefix(line, "# "):
			return nil, fmt.Errorf("%q is neither a setting nor a comment", line)
		}
	}
	return all, nil
}

func readEnv(t *testing.T, name string) []setting {
	t.Helper()
	b, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	all, err := decodeEnv(string(b))
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	return all
}

// Each file has every variable that its program knows, once, commented out, and no other.
func TestEnvironmentFiles(t *testing.T) {
	for _, program := range []string{"node", "elector", "compactor"} {
		known := map[string]string{} // and the default, if it is a word
		for _, m := range helpLine.FindAllStringSubmatch(output(t, built.root+"/usr/bin/netsy-"+program, "--help"), -1) {
			known[m[2]] = m[1]
		}
		if len(known) < 5 {
			t.Fatalf("netsy-%s --help names %d variables only", program, len(known))
		}
		u := unit(t, "netsy-"+program+".service")
		if got := u["Service"]["EnvironmentFile"]; !slices.Equal(got, []string{"/etc/netsy/" + program + ".env"}) {
			t.Errorf("netsy-%s.service reads %v", program, got)
		}
		set := unitEnv(u)
		seen := map[string]bool{}
		for _, s := range readEnv(t, "../../systemd/"+program+".env") {
			def, isKnown := known[s.name]
			_, isSet := set[s.name]
			switch {
			case !isKnown && !slices.Contains(foreign, s.name):
				t.Errorf("%s.env: %s doesn't know %s", program, program, s.name)
			case slices.Contains(unused[program], s.name):
				t.Errorf("%s.env: %s is of no use in a pass", program, s.name)
			case seen[s.name]:
				t.Errorf("%s.env: %s is there twice", program, s.name)
			case !s.commented:
				t.Errorf("%s.env: %s is set: a package must not decide it", program, s.name)
			case def != "" && !isSet && s.value != def:
				t.Errorf("%s.env shows %s=%s, but the default is %s", program, s.name, s.value, def)
			}
			seen[s.name] = true
		}
		for name := range known {
			if !seen[name] && !slices.Contains(unused[program], name) {
				t.Errorf("%s.env lacks %s", program, name)
			}
		}
		for name, value := range set {
			if !slices.Contains(readEnv(t, "../../systemd/"+program+".env"), setting{name, value, true}) {
				t.Errorf("%s.env shows another default than the unit's %s=%s", program, name, value)
			}
		}
	}
}

func unitEnv(u unitFile) map[string]string {
	env := map[string]string{}
	for _, e := range u["Service"]["Environment"] {
		k, v, _ := strings.Cut(e, "=")
		env[k] = v
	}
	return env
}

// What the files show is valid as it stands, once its comment signs are taken off, with the
// cluster file that is installed and a certificate for the name shown.
func TestShownSettingsAreValid(t *testing.T) {
	for program, role := range map[string]identity.Role{"node": identity.RolePeer, "elector": identity.RoleElector, "compactor": ""} {
		root := t.TempDir()
		env := []string{"PATH=/usr/bin:/bin"}
		name := ""
		for _, s := range readEnv(t, built.root+"/etc/netsy/"+program+".env") {
			if s.name == "NETSY_NODE_ID" {
				name = s.value
			}
			if s.name == "NETSY_CONFIG" {
				s.value = built.root + s.value
			}
			if strings.HasPrefix(s.name, "NETSY_TLS_") {
				s.value = root + s.value
			}
			if strings.HasPrefix(s.name, "NETSY_") {
				env = append(env, s.name+"="+s.value)
			}
		}
		if role != "" {
			issue(t, newCA(t, "dev-cluster"), role, name, root+"/etc/netsy/tls", program)
		}
		cmd := exec.Command(built.root+"/usr/bin/netsy-"+program, "--validate")
		cmd.Env = env
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Errorf("%s.env: %v\n%s", program, err, out)
		}
	}
}

func newCA(t *testing.T, cluster string) *identity.CA {
	t.Helper()
	ca, err := identity.NewCA(cluster, 24*time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	return ca
}

// issue writes ca.crt, {base}.crt and {base}.key into dir.
func issue(t *testing.T, ca *identity.CA, role identity.Role, name, dir, base string) {
	t.Helper()
	pair, err := ca.Issue(identity.IssueRequest{Role: role, Name: name, DNS: []string{"localhost"}, IPs: []net.IP{net.IPv4(127, 0, 0, 1)}, Validity: time.Hour})
	if err != nil {
		t.Fatal(err)
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := pair.WriteFiles(filepath.Join(dir, base+".crt"), filepath.Join(dir, base+".key"), true); err != nil {
		t.Fatal(err)
	}
	if err := ca.WriteFiles(filepath.Join(dir, "ca.crt"), filepath.Join(dir, "ca.key"), true); err != nil {
		t.Fatal(err)
	}
}
