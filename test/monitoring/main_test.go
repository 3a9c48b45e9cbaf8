package monitoring

import (
	"flag"
	"os"
	"testing"

	// What the binaries are made of: go test must not take a result from its cache
	// that was of other binaries.
	_ "github.com/netsy-io/netsy/pkg/daemon"
	"github.com/netsy-io/netsy/test/internal/proc"
)

const (
	root       = "../.."
	deployed   = root + "/deploy/monitoring"
	alertsFile = deployed + "/alerts.yaml"
	ruleTests  = deployed + "/tests"
	dashFile   = deployed + "/dashboard.json"
	promFile   = deployed + "/prometheus.yml"
)

var (
	picture = flag.String("picture", "", "draw the dashboard into this PNG (needs chromium and npm)")
	update  = flag.Bool("update", false, "rewrite what is generated: the table of alerts in docs/monitoring.md")
)

func TestMain(m *testing.M) {
	flag.Parse()
	code := proc.Main(m, "../../cmd/netsy-node", "../../cmd/netsy-elector", "../../cmd/netsy-compactor")
	if err := os.RemoveAll(promtoolDir); err != nil { // "" if it wasn't needed, which is nothing
		code = 1
	}
	os.Exit(code)
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
