//go:build linux

package faults

import (
	"flag"
	"math/rand/v2"
	"os"
	"testing"
	"time"

	// What the binaries are made of: go test must not take a result from its cache
	// that was of other binaries.
	_ "github.com/netsy-io/netsy/pkg/daemon"
	"github.com/netsy-io/netsy/test/internal/proc"
)

var (
	duration = flag.Duration("duration", 2*time.Minute, "how long the storm lasts")
	seed     = flag.Uint64("seed", 0, "of the storm's choices; 0: a new one, which is logged")
	runs     = flag.Int("runs", 0, "fail-overs of each kind to measure; 0: none")
	keys     = flag.Int("keys", 0, "keys of a snapshot that starts are measured with; 0: none")
	keep     = flag.String("keep", "", "directory to keep every cluster's files below")
)

func TestMain(m *testing.M) {
	flag.Parse()
	os.Exit(proc.Main(m, "../../cmd/netsy-node", "../../cmd/netsy-elector", "../../cmd/netsy-compactor"))
}

// random returns the source of a test's choices. What the processes do meanwhile is
// theirs: a seed repeats the plan, not the timing.
func random(t testing.TB) *rand.Rand {
	s := *seed
	if s == 0 {
		s = uint64(time.Now().UnixNano())
	}
	t.Logf("-seed %d", s)
	return rand.New(rand.NewPCG(s, 0))
}
