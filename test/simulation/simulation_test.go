package simulation

import (
	"bytes"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hashicorp/go-hclog"
	"go.uber.org/goleak"

	"github.com/netsy-io/netsy/pkg/registry"
)

var (
	seed     = flag.Uint64("seed", 1, "first seed")
	seeds    = flag.Int("seeds", 0, "number of seeds; 0: as many as the budget allows")
	same     = flag.Bool("same", false, "run the first seed -seeds times instead of the seeds after it")
	budget   = flag.Duration("budget", time.Minute, "begin no seed after this much real time")
	duration = flag.Duration("duration", 30*time.Second, "virtual time of each world's part with faults")
	nodes    = flag.Int("nodes", 0, "number of nodes in every world; 0: as the seed says")
	quorum   = flag.String("quorum", "", "quorum of every world; empty: as the seed says")
	kinds    = flag.String("kinds", "", "kinds of faults in every world, separated by commas, or none; empty: as the seed says")
	freeing  = flag.Bool("freeing", false, "compactors that free what they can at once in every world")
	disks    = flag.String("disks", "", "directory of the nodes' disks; empty: in memory, where that can be had")
	goOn     = flag.Bool("go-on", false, "go on after a seed that failed")
	verbose  = flag.Bool("trace", false, "keep the processes' logs at level debug")
)

func TestMain(m *testing.M) {
	flag.Parse()
	goleak.VerifyTestMain(m)
}

// TestSwarm lives through one world after the other.
func TestSwarm(t *testing.T) {
	began := time.Now()
	var total struct {
		worlds, ops, revisions int
		lived                  time.Duration
	}
	for i := 0; *seeds == 0 && time.Since(began) < *budget || i < *seeds; i++ {
		s := *seed + uint64(i)
		if *same {
			s = *seed
		}
		t.Run(fmt.Sprintf("seed=%d", s), func(t *testing.T) {
			r := simulate(t, chosen(t, s))
			total.worlds, total.ops, total.lived, total.revisions = total.worlds+1, total.ops+len(r.evidence.Ops), total.lived+r.lived, total.revisions+int(r.evidence.End)
		})
		if t.Failed() && !*goOn {
			break
		}
	}
	t.Logf("%d worlds, %v of virtual time, %d operations, %d revisions in %v", total.worlds, total.lived.Round(time.Second), total.ops, total.revisions, time.Since(began).Round(time.Second))
}

// chosen is what the seed says, and what flags say instead.
func chosen(t *testing.T, seed uint64) swarm {
	s := newSwarm(seed, *duration)
	if *nodes > 0 {
		s.Nodes, s.Spare = *nodes, 0
	}
	if *quorum != "" {
		if _, err := fmt.Sscan(*quorum, &s.Quorum); err != nil {
			t.Fatalf("-quorum: %v", err)
		}
	}
	if *freeing {
		s.Snapshots = compaction{Compactors: 2, Every: time.Second, Records: 1, Retention: time.Millisecond, Keep: 2}
	}
	if *kinds == "none" {
		s.Kinds, s.Rates = nil, storeRates{}
	} else if *kinds != "" {
		s.Kinds = nil
		for _, k := range strings.Split(*kinds, ",") {
			if !slices.Contains(allKinds, faultKind(k)) {
				t.Fatalf("-kinds: %q is none of %q", k, allKinds)
			}
			s.Kinds = append(s.Kinds, faultKind(k))
		}
	}
	return s
}

// patience bounds the search for an order of one world's operations, in real time.
const patience = 20 * time.Second

// simulate lives through one world and judges it.
func simulate(t *testing.T, s swarm) (r result) {
	t.Logf("seed %d: %v", s.Seed, s)
	dir := diskDir(t)
	logs := &tail{}
	level := hclog.Info
	if *verbose {
		level = hclog.Trace
	}
	fmt.Printf("simulation: seed %d begins\n", s.Seed) // a panic names no test
	began := time.Now()
	synctest.Test(t, func(*testing.T) {
		log := hclog.New(&hclog.LoggerOptions{Output: logs, Level: level, TimeFormat: "04:05.000000"})
		r = newWorld(s, dir, log).live()
	})
	lived := time.Since(began)
	r.evidence.Patience = patience
	found := append(r.faults, reigns(r.clusters)...)
	found = append(found, r.evidence.Faults()...)
	t.Logf("%v of virtual time in %v: %s", r.lived.Round(time.Second), lived.Round(time.Millisecond), r)
	for _, f := range found {
		t.Errorf("fault: %s", f)
	}
	if len(found) > 0 {
		t.Errorf("logs: %s", logs.keep(t, s.Seed))
		t.Errorf("again: %s", again(s.Seed))
	}
	return r
}

// String counts what happened.
func (r result) String() string {
	count := map[string]int{}
	for _, o := range r.evidence.Ops {
		what := "writes "
		if !o.Write() {
			what = "reads "
		}
		count[what+o.Outcome.String()]++
	}
	var c clusterDoc
	quorum := 0
	for _, d := range r.clusters {
		if d.Durability.Mode == registry.ModeQuorum {
			quorum++
		}
		if d.Seq > c.Seq {
			c = d
		}
	}
	return fmt.Sprintf("%d operations (%v), %d revisions, %d chunks (%d freed), newest snapshot %d, epoch %d, office %d, %d versions of cluster.json, %d of them in mode quorum", len(r.evidence.Ops), count,
		r.evidence.End, len(r.evidence.Chunks), r.freed, r.snapshot, c.Epoch, c.Office, len(r.clusters), quorum)
}

// again is the command that lives through a world again.
func again(seed uint64) string {
	c := fmt.Sprintf("go test ./test/simulation -run TestSwarm -v -seed %d -seeds 1 -duration %v", seed, *duration)
	for name, v := range map[string]string{"kinds": *kinds, "quorum": *quorum} {
		if v != "" {
			c += fmt.Sprintf(" -%s %q", name, v)
		}
	}
	if *freeing {
		c += " -freeing"
	}
	if *nodes > 0 {
		c += fmt.Sprintf(" -nodes %d", *nodes)
	}
	return c
}

// diskDir is where the nodes' disks are: in memory where that is possible, as nobody
// cuts the power here and every fsync would be waited for in real time.
func diskDir(t *testing.T) string {
	in := *disks
	if in == "" && runtime.GOOS == "linux" {
		in = "/dev/shm"
	}
	dir, err := os.MkdirTemp(in, "netsy-simulation-")
	if err != nil {
		return t.TempDir()
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	return dir
}

// tail keeps the end of what is written to it.
type tail struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

// tailBytes bounds the logs of one world.
const tailBytes = 256 << 20

func (l *tail) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.buf.Len() > tailBytes {
		l.buf.Next(l.buf.Len() / 2)
	}
	return l.buf.Write(p)
}

// keep writes the logs to a file that stays.
func (l *tail) keep(t *testing.T, seed uint64) string {
	path := filepath.Join(os.TempDir(), fmt.Sprintf("netsy-simulation-%d.log", seed))
	l.mu.Lock()
	defer l.mu.Unlock()
	if err := os.WriteFile(path, l.buf.Bytes(), 0o600); err != nil {
		t.Error(err)
	}
	return path
}
