//go:build linux

// Package k3s runs docs/guides/k3s.md as it is written. k3s itself isn't run: in its place are
// the library that it uses for its datastore (kine), and kube-apiserver, both unmodified.
package k3s

import (
	"os"
	"testing"
	"time"

	"github.com/netsy-io/netsy/test/guides/guide"
)

const root = "../../.."

func TestK3s(t *testing.T) {
	after, err := os.ReadFile("after.sh")
	if err != nil {
		t.Fatal(err)
	}
	// The versions of Kubernetes are those of the guide for kubeadm.
	kubernetes := guide.ToolsOf(t, "../kubeadm", "-ldflags", "-s -w -X k8s.io/component-base/version.gitVersion=v1.34.4",
		"k8s.io/kubernetes/cmd/kubectl", "k8s.io/kubernetes/cmd/kube-apiserver")
	guide.Run(t, guide.Options{
		Page: root + "/docs/guides/k3s.md", Path: []string{guide.Netsy(t, root), guide.Tools(t, "./datastore"), kubernetes},
		Hosts: guide.NetsyHosts("server-1.example.com=10.0.0.21"), Before: guide.ThreeNodes, After: string(after), Timeout: 10 * time.Minute,
	})
}
