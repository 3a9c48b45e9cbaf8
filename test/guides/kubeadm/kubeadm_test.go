//go:build linux

// Package kubeadm runs docs/guides/kubeadm.md as it is written, with kubeadm, kube-apiserver
// and kubectl unmodified. What needs a kubelet and a container runtime is left out.
package kubeadm

import (
	"os"
	"testing"
	"time"

	"github.com/netsy-io/netsy/test/guides/guide"
)

const (
	root = "../../.."
	// version is what the commands say they are; keep it equal to go.mod.
	version = "v1.34.4"
)

func TestKubeadm(t *testing.T) {
	tools := guide.Tools(t, "-ldflags", "-s -w -X k8s.io/component-base/version.gitVersion="+version,
		"k8s.io/kubernetes/cmd/kubeadm", "k8s.io/kubernetes/cmd/kubectl", "k8s.io/kubernetes/cmd/kube-apiserver")
	guide.Run(t, guide.Options{
		Page: root + "/docs/guides/kubeadm.md", Path: []string{guide.Netsy(t, root), tools}, Own: []string{"/var"},
		Hosts:  guide.NetsyHosts("k8s.example.com=10.0.0.20", "cp-1.example.com=10.0.0.21"),
		Before: guide.ThreeNodes, After: read(t, "after.sh"), Timeout: 10 * time.Minute,
	})
}

func read(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}
