//go:build linux

package statuspage

import (
	"os"
	"testing"

	// What the binaries are made of: go test must not take a result from its cache
	// that was of other binaries.
	_ "github.com/netsy-io/netsy/pkg/daemon"
	"github.com/netsy-io/netsy/test/internal/proc"
)

func TestMain(m *testing.M) {
	os.Exit(proc.Main(m, "../../cmd/netsy-node", "../../cmd/netsy-elector"))
}
