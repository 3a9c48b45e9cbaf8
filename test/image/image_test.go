//go:build linux

package image

import (
	"encoding/json"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

const (
	version = "v9.8.7"
	modules = "/modules" // where the build sees this machine's module cache
)

var programs = []string{"netsy-node", "netsy-elector", "netsy-compactor", "netsyctl"}

// TestImage builds the image and looks at it, then lets it run.
func TestImage(t *testing.T) {
	needs(t, "buildah", "podman", "runc", "mmdebstrap", "curl")
	s := newStore(t)
	args := bases(t, s)
	s.build(t, "netsy-tools", args, "--target", "tools")
	s.build(t, "netsy", args)
	for name, part := range map[string]func(*testing.T, *store){
		"configuration": configuration, "files": files, "programs": programsRun, "tools": tools, "node": node,
	} {
		t.Run(name, func(t *testing.T) { part(t, s) })
	}
}

// build is docker build, by buildah.
func (s *store) build(t *testing.T, name string, buildArgs []string, flags ...string) {
	t.Helper()
	cache := filepath.Join(strings.TrimSpace(run(t, "go", "env", "GOMODCACHE")), "cache/download")
	args := []string{"build", "--isolation=chroot", "--layers", "--pull-never", "--volume", cache + ":" + modules + ":ro", "--file", "../../deploy/container/Containerfile",
		"--ignorefile", "../../deploy/container/Containerfile.dockerignore", "--build-arg", "VERSION=" + version, "--tag", "localhost/" + name}
	for _, a := range buildArgs {
		args = append(args, "--build-arg", a)
	}
	s.do(t, "buildah", append(append(args, flags...), "../..")...)
}

// configuration: nobody who starts it has to know who it runs as, and where it listens.
func configuration(t *testing.T, s *store) {
	var image struct {
		OCIv1 struct {
			Config struct {
				User         string
				ExposedPorts map[string]struct{}
				Env, Cmd     []string
				WorkingDir   string
			}
		}
	}
	check(t, json.Unmarshal([]byte(s.do(t, "buildah", "inspect", "--type", "image", "localhost/netsy")), &image))
	c := image.OCIv1.Config
	if c.User != "65532:65532" || !slices.Equal(c.Cmd, []string{"netsy-node"}) || len(c.ExposedPorts) != 4 {
		t.Errorf("%+v", c)
	}
	t.Logf("the image is %s; what it is made from here, %s",
		s.do(t, "podman", "images", "--noheading", "--format", "{{.Size}}", "localhost/netsy"), s.do(t, "podman", "images", "--noheading", "--format", "{{.Size}}", "localhost/static"))
}

// files: nothing beyond the base but the programs and the licence, and nothing that its user could change.
func files(t *testing.T, s *store) {
	container := s.do(t, "buildah", "from", "--pull-never", "localhost/netsy")
	base := s.do(t, "buildah", "from", "--pull-never", "localhost/static")
	in := list(t, s.do(t, "buildah", "mount", container))
	before := list(t, s.do(t, "buildah", "mount", base))
	want := []string{"/usr/local", "/usr/local/bin", "/usr/share/doc", "/usr/share/doc/netsy", "/usr/share/doc/netsy/LICENSE"}
	for _, p := range programs {
		want = append(want, "/usr/local/bin/"+p)
	}
	for path, mode := range in {
		if _, ok := before[path]; ok {
			continue
		}
		if !slices.Contains(want, path) {
			t.Errorf("%s is in the image", path)
		}
		if mode&0o022 != 0 && mode&fs.ModeSymlink == 0 {
			t.Errorf("%s can be written by others: %s", path, mode)
		}
	}
	for _, path := range want {
		if _, ok := in[path]; !ok {
			t.Errorf("%s is not in the image", path)
		}
	}
}

func list(t *testing.T, root string) map[string]fs.FileMode {
	t.Helper()
	all := map[string]fs.FileMode{}
	check(t, filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		all[strings.TrimPrefix(path, root)] = info.Mode()
		return nil
	}))
	return all
}

// confined is how compose and the chart run it, and a network of its own with nothing but a loopback.
// Limits are small ones, since podman asks for larger than a container of ours may be allowed to give.
var confined = []string{"--runtime=runc", "--ulimit=nofile=1024:1024", "--ulimit=nproc=1024:1024", "--network=none", "--read-only", "--read-only-tmpfs=false",
	"--cap-drop=all", "--security-opt=no-new-privileges", "--log-driver=none", "--pull=never"}

func (s *store) container(t *testing.T, args ...string) string {
	t.Helper()
	return s.do(t, "podman", append(append([]string{"run"}, confined...), args...)...)
}

func programsRun(t *testing.T, s *store) {
	for _, p := range programs {
		if out := s.container(t, "--rm", "localhost/netsy", p, "--version"); !strings.Contains(out, version) {
			t.Errorf("%s --version: %s", p, out)
		}
	}
	if out := s.container(t, "--rm", "localhost/netsy", "netsyctl", "config", "sample"); !strings.Contains(out, "cluster_id") {
		t.Errorf("netsyctl config sample: %s", out)
	}
	if out := s.container(t, "--rm", "localhost/netsy-tools", "id", "-u"); out != "0" {
		t.Errorf("the image of tools runs as %s", out)
	}
	// What a vulnerability scanner reads.
	container := s.do(t, "buildah", "from", "--pull-never", "localhost/netsy")
	root := s.do(t, "buildah", "mount", container)
	for _, p := range programs {
		if out := run(t, "go", "version", "-m", root+"/usr/local/bin/"+p); !strings.Contains(out, "\tpath\tgithub.com/netsy-io/netsy/cmd/"+p+"\n") || !strings.Contains(out, "\tdep\t") {
			t.Errorf("%s doesn't say what it is made of: %s", p, out)
		}
	}
}

// tools: what compose does once before a cluster starts.
func tools(t *testing.T, s *store) {
	out := s.container(t, "--rm", "--tmpfs=/certs", "--entrypoint=sh", "localhost/netsy-tools", "-euc",
		"netsyctl cert ca --cluster-id compose --dir /certs >/dev/null; netsyctl cert node --dir /certs --dns localhost node-1 >/dev/null; ls /certs")
	if want := "ca.crt\nca.key\nnode-1.crt\nnode-1.key"; out != want {
		t.Errorf("made %q, want %q", out, want)
	}
}

const clusterFile = `{"cluster_id": "image", "storage": {"provider": "file", "bucket_name": "/bucket"}, "etcd_api": "etcd"}`

// node: one that serves, on a root that can't be written, as the user of the image; then it stops.
func node(t *testing.T, s *store) {
	dir := t.TempDir()
	for _, d := range []string{"certs", "data", "bucket"} {
		check(t, os.Mkdir(filepath.Join(dir, d), 0o755))
	}
	check(t, os.WriteFile(filepath.Join(dir, "cluster.jsonc"), []byte(clusterFile), 0o644))
	certs := "--volume=" + dir + "/certs:/certs"
	s.container(t, "--rm", certs, "--entrypoint=sh", "localhost/netsy-tools", "-euc",
		"netsyctl cert ca --cluster-id image --dir /certs; netsyctl cert node --dir /certs --dns localhost node-1")
	run(t, "chown", "-R", "65532:65532", dir)
	s.container(t, "--detach", "--name=node", certs+":ro", "--volume="+dir+"/data:/var/lib/netsy", "--volume="+dir+"/bucket:/bucket",
		"--volume="+dir+"/cluster.jsonc:/etc/netsy/cluster.jsonc:ro", "--env=NETSY_CONFIG=/etc/netsy/cluster.jsonc", "--env=NETSY_NODE_ID=node-1",
		"--env=NETSY_TLS_CA=/certs/ca.crt", "--env=NETSY_TLS_CERT=/certs/node-1.crt", "--env=NETSY_TLS_KEY=/certs/node-1.key",
		"--env=NETSY_ADVERTISE_CLIENT=localhost:2378", "--env=NETSY_ADVERTISE_PEER=localhost:2381", "--env=NETSY_ADVERTISE_ELECTION=localhost:8443",
		"localhost/netsy", "netsy-node", "--with-elector")
	pid := s.do(t, "podman", "inspect", "--format={{.State.Pid}}", "node")
	ready(t, s, pid)
	status, err := os.ReadFile("/proc/" + pid + "/status")
	check(t, err)
	for _, want := range []string{"\nUid:\t65532\t65532", "\nCapEff:\t0000000000000000\n", "\nNoNewPrivs:\t1\n", "\nSeccomp:\t2\n"} {
		if !strings.Contains(string(status), want) {
			t.Errorf("no %q in\n%s", want, status)
		}
	}
	s.do(t, "podman", "stop", "--time=45", "node")
	if code := s.do(t, "podman", "inspect", "--format={{.State.ExitCode}}", "node"); code != "0" {
		t.Errorf("the node's exit status is %s", code)
	}
}
