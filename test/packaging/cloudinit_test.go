//go:build linux

package packaging

import (
	"bytes"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"go.yaml.in/yaml/v3"

	"github.com/netsy-io/netsy/pkg/config"
)

// cloudConfig is what the examples use of a cloud-config.
type cloudConfig struct {
	WriteFiles []struct {
		Path        string `yaml:"path"`
		Permissions string `yaml:"permissions"`
		Content     string `yaml:"content"`
	} `yaml:"write_files"`
	RunCmd [][]string `yaml:"runcmd"`
}

func (c *cloudConfig) file(t *testing.T, path string) string {
	t.Helper()
	for _, f := range c.WriteFiles {
		if f.Path == path {
			return f.Content
		}
	}
	t.Fatalf("writes no %s", path)
	return ""
}

func examples(t *testing.T) map[string]*cloudConfig {
	t.Helper()
	names, err := filepath.Glob("../../deploy/cloud-init/*.yaml")
	if err != nil || len(names) != 3 {
		t.Fatalf("examples: %v (%v)", names, err)
	}
	all := map[string]*cloudConfig{}
	for _, name := range names {
		b, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		// AWS takes 16 KB of user data.
		if !bytes.HasPrefix(b, []byte("#cloud-config\n")) || len(b) > 16<<10 {
			t.Errorf("%s is no cloud-config, or too long (%d bytes)", name, len(b))
		}
		d := yaml.NewDecoder(bytes.NewReader(b))
		d.KnownFields(true)
		c := &cloudConfig{}
		if err := d.Decode(c); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		all[filepath.Base(name)] = c
	}
	return all
}

// The schema is cloud-init's own (22.4, Debian 12's; GPL-3 or Apache-2.0), as
// cloud-init schema would apply it.
func TestCloudConfigSchema(t *testing.T) {
	schema := schema(t)
	for name := range examples(t) {
		b, err := os.ReadFile("../../deploy/cloud-init/" + name)
		if err != nil {
			t.Fatal(err)
		}
		if err := schema.Validate(asJSON(t, b)); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	// The alarm works.
	for _, bad := range []string{"runcmd: 5", "write_files: [{content: x}]", "write_files: [{path: /x, mode: 1}]"} {
		if schema.Validate(asJSON(t, []byte(bad))) == nil {
			t.Errorf("the schema accepts %q", bad)
		}
	}
}

func schema(t *testing.T) *jsonschema.Schema {
	t.Helper()
	c := jsonschema.NewCompiler()
	s, err := c.Compile("testdata/schema-cloud-config-v1.json")
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func asJSON(t *testing.T, b []byte) any {
	t.Helper()
	var v any
	if err := yaml.Unmarshal(b, &v); err != nil {
		t.Fatal(err)
	}
	j, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	v, err = jsonschema.UnmarshalJSON(bytes.NewReader(j))
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// The cluster files are valid, the units correct, and the last command starts the node.
func TestCloudConfigContent(t *testing.T) {
	for name, c := range examples(t) {
		if _, err := config.Parse(name, []byte(c.file(t, "/etc/netsy/cluster.jsonc"))); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		for _, f := range c.WriteFiles {
			if strings.HasPrefix(f.Content, "#!") != (f.Permissions == "0755") {
				t.Errorf("%s: %s has mode %s", name, f.Path, f.Permissions)
			}
			if strings.HasPrefix(f.Content, "#!") {
				script := filepath.Join(t.TempDir(), "script")
				write(t, script, f.Content, 0o755)
				output(t, "sh", "-n", script)
			}
		}
	}
	needs(t, "systemd-analyze")
	for _, name := range []string{"aws-auto-scaling-group.yaml", "gcp-instance-group.yaml"} {
		root, c := machine(t), examples(t)[name]
		for _, f := range c.WriteFiles {
			mode := os.FileMode(0o644)
			if f.Permissions == "0755" {
				mode = 0o755
			}
			write(t, root+f.Path, f.Content, mode)
		}
		for _, u := range []string{"netsy-certificate.service", "netsy-certificate.timer"} {
			if out := output(t, "systemd-analyze", "--root="+root, "verify", "--man=no", u); strings.Contains(out, "netsy-") {
				t.Errorf("%s: %s: %s", name, u, out)
			}
		}
	}
}

// metadata is what the clouds' metadata servers answer, by the end of the URL.
const metadata = `#!/bin/sh
for url; do :; done
case "$url" in
*/latest/api/token) echo token ;;
*/meta-data/instance-id) echo i-0123456789abcdef0 ;;
*/meta-data/local-hostname | */instance/hostname) echo localhost ;;
*/meta-data/local-ipv4 | */network-interfaces/0/ip) echo 127.0.0.1 ;;
*/instance/name) echo netsy-x1y2 ;;
*) exit 22 ;;
esac
`

// The scripts of the examples are run: with a metadata server's answers and a CA of openssl's they
// make settings and a certificate with which netsy-node starts.
func TestFirstBoot(t *testing.T) {
	for name, id := range map[string]string{"aws-auto-scaling-group.yaml": "i-0123456789abcdef0", "gcp-instance-group.yaml": "netsy-x1y2"} {
		c, dir := examples(t)[name], t.TempDir()
		lib, tls, bin, notes := dir+"/lib", dir+"/tls", dir+"/bin", dir+"/notes"
		for _, f := range []string{"machine", "certificate", "boot"} {
			write(t, filepath.Join(lib, f), c.file(t, "/usr/local/lib/netsy/"+f), 0o755)
		}
		write(t, filepath.Join(bin, "curl"), metadata, 0o755)
		takeNotes(t, bin, notes, "systemctl", "chown")
		if err := os.MkdirAll(tls, 0o755); err != nil {
			t.Fatal(err)
		}
		output(t, "openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-subj", "/CN=a CA", "-days", "2",
			"-addext", "keyUsage=critical,keyCertSign", "-keyout", dir+"/ca.key", "-out", dir+"/ca.crt")
		write(t, lib+"/sign", "#!/bin/sh\nset -e\nopenssl x509 -req -in \"$1\" -CA "+dir+"/ca.crt -CAkey "+dir+"/ca.key -days 1 -copy_extensions copyall -out \"$2\" 2>/dev/null\ncp "+dir+"/ca.crt \"$3\"\n", 0o755)

		for range 2 { // the second time is a renewal
			cmd := exec.Command(lib + "/boot")
			cmd.Env = []string{"PATH=" + bin + ":/usr/bin:/bin", "NETSY_LIB=" + lib, "NETSY_TLS=" + tls, "NETSY_ENV=" + dir + "/node.env"}
			if out, err := cmd.CombinedOutput(); err != nil {
				t.Fatalf("%s: %v\n%s", name, err, out)
			}
		}
		if left, err := os.ReadDir(tls); err != nil || len(left) != 3 {
			t.Errorf("%s: left in the directory of certificates: %v (%v)", name, left, err)
		}
		if i, err := os.Stat(tls + "/node.key"); err != nil || i.Mode().Perm() != 0o640 {
			t.Errorf("%s: the key: %v (%v)", name, i.Mode(), err)
		}
		if calls := notesIn(t, notes); !slices.Contains(calls, "systemctl enable --now --no-block netsy-node.service netsy-compactor.timer netsy-certificate.timer") {
			t.Errorf("%s: nothing is started: %q", name, calls)
		}
		write(t, dir+"/cluster.jsonc", c.file(t, "/etc/netsy/cluster.jsonc"), 0o644)
		env := []string{"NETSY_CONFIG=" + dir + "/cluster.jsonc", "NETSY_TLS_CA=" + tls + "/ca.crt", "NETSY_TLS_CERT=" + tls + "/node.crt", "NETSY_TLS_KEY=" + tls + "/node.key"}
		for _, s := range readEnv(t, dir+"/node.env") {
			env = append(env, s.name+"="+s.value)
		}
		if !slices.Contains(env, "NETSY_NODE_ID="+id) {
			t.Errorf("%s: settings: %q", name, env)
		}
		cmd := exec.Command(built.root+"/usr/bin/netsy-node", "--validate")
		cmd.Env = env
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Errorf("%s: %v\n%s", name, err, out)
		}
	}
}

// own-ca.yaml leaves machine and certificates to others; its settings are valid for the node it says.
func TestOwnCA(t *testing.T) {
	c, dir := examples(t)["own-ca.yaml"], t.TempDir()
	issue(t, newCA(t, "prod"), "peer", "vm-7", dir, "node")
	write(t, dir+"/cluster.jsonc", c.file(t, "/etc/netsy/cluster.jsonc"), 0o644)
	content := strings.NewReplacer("{{ node_id }}", "vm-7", "{{ dns_name }}", "vm-7.internal").Replace(c.file(t, "/etc/netsy/node.env"))
	all, err := decodeEnv(content)
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(built.root+"/usr/bin/netsy-node", "--validate")
	cmd.Env = []string{"NETSY_CONFIG=" + dir + "/cluster.jsonc", "NETSY_TLS_CA=" + dir + "/ca.crt", "NETSY_TLS_CERT=" + dir + "/node.crt", "NETSY_TLS_KEY=" + dir + "/node.key"}
	for _, s := range all {
		cmd.Env = append(cmd.Env, s.name+"="+s.value)
	}
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
}
