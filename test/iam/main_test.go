//go:build linux

package iam

import (
	"flag"
	"os"
	"testing"

	"go.opencensus.io/stats/view"

	// What the binaries are made of: go test must not take a result from its cache
	// that was of other binaries.
	_ "github.com/netsy-io/netsy/pkg/daemon"
	_ "github.com/netsy-io/netsy/pkg/netsyctl"
	"github.com/netsy-io/netsy/test/internal/proc"
)

var update = flag.Bool("update", false, "write docs/iam.md's table")

func TestMain(m *testing.M) {
	flag.Parse()
	view.Stop() // a goroutine that a library of fake-gcs-server starts with the program
	os.Exit(proc.Main(m, "../../cmd/netsy-node", "../../cmd/netsy-elector", "../../cmd/netsy-compactor", "../../cmd/netsyctl"))
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
