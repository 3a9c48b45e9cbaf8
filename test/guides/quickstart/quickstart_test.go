//go:build linux

// Package quickstart runs docs/guides/quick-start.md as it is written.
package quickstart

import (
	"testing"

	"github.com/netsy-io/netsy/test/guides/guide"
)

const root = "../../.."

func TestQuickStart(t *testing.T) {
	tools := guide.Tools(t, "github.com/versity/versitygw/cmd/versitygw")
	guide.Tool(t, tools, "etcdctl", "go.etcd.io/etcd/etcdctl/v3")
	guide.Run(t, guide.Options{
		Page: root + "/docs/guides/quick-start.md",
		Path: []string{guide.Netsy(t, root), tools},
	})
}
