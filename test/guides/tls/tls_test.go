//go:build linux

// Package tls runs docs/guides/tls.md as it is written, and starts Netsy with what
// cert-manager's code makes of the page's manifests.
package tls

import (
	"os"
	"testing"

	"github.com/netsy-io/netsy/test/guides/guide"
)

const root = "../../.."

func TestTLS(t *testing.T) {
	tools := guide.Tools(t, "./issue")
	guide.Tool(t, tools, "etcdctl", "go.etcd.io/etcd/etcdctl/v3")
	guide.Run(t, guide.Options{
		Page: root + "/docs/guides/tls.md", Path: []string{guide.Netsy(t, root), tools},
		Before: read(t, "before.sh"), After: read(t, "after.sh"),
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
