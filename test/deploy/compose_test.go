package deploy

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/compose-spec/compose-go/v2/loader"
	"github.com/compose-spec/compose-go/v2/types"

	"github.com/netsy-io/netsy/pkg/config"
)

const composeFile = root + "/deploy/compose/compose.yaml"

// composeProject reads the file as Docker does: by the schema, with everything resolved.
func composeProject(t *testing.T) *types.Project {
	t.Helper()
	path, err := filepath.Abs(composeFile)
	check(t, err)
	p, err := loader.LoadWithContext(t.Context(), types.ConfigDetails{
		WorkingDir: filepath.Dir(path), ConfigFiles: []types.ConfigFile{{Filename: path}}, Environment: types.Mapping{},
	})
	check(t, err)
	return p
}

// TestCompose: the init service makes what the others read, and each program takes its settings.
func TestCompose(t *testing.T) {
	p := composeProject(t)
	dir := t.TempDir()
	local := func(path string) string { return filepath.Join(dir, path) }
	for _, d := range []string{"certs", "node-1", "node-2", "node-3"} {
		check(t, os.Mkdir(local(d), 0o755))
	}
	initService := p.Services["init"]
	if !slices.Equal(initService.Entrypoint, []string{"sh", "-euc"}) || len(initService.Command) != 1 {
		t.Fatalf("init runs %v %v", initService.Entrypoint, initService.Command)
	}
	// As the container would have it: these directories at the top, $$ for $.
	script := strings.ReplaceAll(initService.Command[0], "$$", "$")
	if chown := "chown -R 65532:65532 /certs /node-1 /node-2 /node-3"; !strings.Contains(script, chown) {
		t.Fatalf("init doesn't give its directories away:\n%s", script)
	}
	script = strings.ReplaceAll(strings.ReplaceAll(script, "chown -R", ": chown -R"), "/certs", local("certs"))
	for range 2 { // a second start changes nothing
		cmd := exec.Command("sh", "-euc", script)
		cmd.Env = []string{"PATH=" + binaries + ":/usr/bin:/bin"}
		before, _ := os.ReadFile(local("certs/ca.crt"))
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("init: %v\n%s", err, out)
		}
		after, err := os.ReadFile(local("certs/ca.crt"))
		check(t, err)
		if before != nil && string(before) != string(after) {
			t.Error("init makes another CA where there is one")
		}
	}
	_, err := config.Parse("cluster.jsonc", []byte(p.Configs["cluster"].Content))
	check(t, err)
	check(t, os.WriteFile(local("cluster.jsonc"), []byte(p.Configs["cluster"].Content), 0o600))

	ran := 0
	for name, s := range p.Services {
		if s.Image != "netsy:local" {
			continue
		}
		ran++
		t.Run(name, func(t *testing.T) { validateService(t, s, local) })
	}
	if ran != 4 {
		t.Errorf("%d services run Netsy", ran)
	}
}

func validateService(t *testing.T, s types.ServiceConfig, local func(string) string) {
	var env []string
	known := knownVariables(t, map[string]config.Program{"netsy-node": config.NodeProgram, "netsy-compactor": config.CompactorProgram}[s.Command[0]])
	for k, v := range s.Environment {
		if strings.HasPrefix(k, "NETSY_") && !known[k] {
			t.Errorf("%s doesn't know %s", s.Command[0], k)
		}
		env = append(env, k+"="+strings.NewReplacer("/etc/netsy/", local("")+"/", "/certs", local("certs")).Replace(*v))
	}
	mustRun(t, env, s.Command[0], append(slices.Clone(s.Command[1:]), "--validate")...)

	if !s.ReadOnly || !slices.Equal(s.CapDrop, []string{"ALL"}) || s.Privileged || s.User != "" {
		t.Errorf("it may do more than it needs")
	}
	if len(s.Configs) != 1 || s.Configs[0].Target != "/etc/netsy/cluster.jsonc" {
		t.Errorf("its cluster file: %+v", s.Configs)
	}
	if s.DependsOn["init"].Condition != "service_completed_successfully" {
		t.Errorf("it doesn't wait for its certificates")
	}
	if s.Command[0] != "netsy-node" {
		return
	}
	for _, v := range []string{"NETSY_NODE_ID", "NETSY_ADVERTISE_CLIENT", "NETSY_ADVERTISE_PEER", "NETSY_ADVERTISE_ELECTION"} {
		if host, _, _ := strings.Cut(*s.Environment[v], ":"); host != s.Name {
			t.Errorf("%s is %q", v, *s.Environment[v])
		}
	}
	if !slices.ContainsFunc(s.Volumes, func(v types.ServiceVolumeConfig) bool {
		return v.Source == s.Name && v.Target == "/var/lib/netsy" && !v.ReadOnly
	}) {
		t.Errorf("its data isn't in its volume")
	}
	if grace := s.StopGracePeriod; grace == nil || int64(*grace)/1e9 < 3*seconds(t, "options.go", "drainTimeout")+seconds(t, "leave.go", "leaveTimeout") {
		t.Errorf("it isn't given time to stop")
	}
}

// TestComposeAgrees: the S3 server is the one that the cluster file and the keys are for.
func TestComposeAgrees(t *testing.T) {
	p := composeProject(t)
	c, err := config.Parse("cluster.jsonc", []byte(p.Configs["cluster"].Content))
	check(t, err)
	s3 := p.Services["s3"]
	if c.Storage.Endpoint != "http://s3:7070" || !strings.Contains(s3.Command[0], "--port :7070") ||
		!strings.Contains(s3.Command[0], "/objects/"+c.Storage.BucketName+" ") || !strings.Contains(s3.Command[0], "--region "+c.Storage.Region+" ") {
		t.Errorf("the server runs %q, the cluster file says %+v", s3.Command, c.Storage)
	}
	for name, s := range p.Services {
		if id := s.Environment["AWS_ACCESS_KEY_ID"]; id != nil && (*id != *s3.Environment["ROOT_ACCESS_KEY_ID"] || *s.Environment["AWS_SECRET_ACCESS_KEY"] != *s3.Environment["ROOT_SECRET_ACCESS_KEY"]) {
			t.Errorf("%s has other keys than the server", name)
		}
	}
}
