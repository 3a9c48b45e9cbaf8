// Package harness runs what the tests need as processes: kube-apiserver, and under it Netsy or,
// to check the tests themselves, etcd.
package harness

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
)

// kubernetesVersion is what kube-apiserver says it is; keep it equal to go.mod.
const kubernetesVersion = "v1.34.4"

// Binaries are the paths of the commands.
type Binaries struct{ APIServer, Etcd, Node, Elector, Ctl string }

// Build compiles the commands for a target into the user's cache directory, where an unchanged
// one is found again: kube-apiserver takes minutes the first time.
func Build(target string) (Binaries, error) {
	cache, err := os.UserCacheDir()
	if err != nil {
		return Binaries{}, err
	}
	dir := filepath.Join(cache, "netsy-kubernetes")
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return Binaries{}, err
	}
	var b Binaries
	version := "-s -w -X k8s.io/component-base/version.gitVersion=" + kubernetesVersion
	builds := []command{{&b.APIServer, ".", "k8s.io/kubernetes/cmd/kube-apiserver", []string{"-ldflags", version}}}
	if target == TargetEtcd {
		builds = append(builds, command{&b.Etcd, ".", "go.etcd.io/etcd/server/v3", nil})
	} else {
		builds = append(builds,
			command{&b.Node, "../..", "./cmd/netsy-node", nil},
			command{&b.Elector, "../..", "./cmd/netsy-elector", nil},
			command{&b.Ctl, "../..", "./cmd/netsyctl", nil})
	}
	for _, c := range builds {
		if err := c.build(dir); err != nil {
			return Binaries{}, err
		}
	}
	return b, nil
}

// command is one to build: where its path goes, and what go build needs.
type command struct {
	path     *string
	dir, pkg string
	flags    []string
}

func (c command) build(into string) error {
	*c.path = filepath.Join(into, filepath.Base(filepath.Dir(c.pkg))+"-"+filepath.Base(c.pkg))
	args := append([]string{"build", "-p", "2", "-o", *c.path}, c.flags...)
	cmd := exec.Command("go", append(args, c.pkg)...)
	cmd.Dir = c.dir
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("build %s: %w\n%s", c.pkg, err, out)
	}
	return nil
}
