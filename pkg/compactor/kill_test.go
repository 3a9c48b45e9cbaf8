package compactor

import (
	"bufio"
	"math/rand/v2"
	"os"
	"os/exec"
	"sync"
	"testing"
	"time"

	"github.com/hashicorp/go-hclog"

	"github.com/netsy-io/netsy/pkg/objectstore"
	"github.com/netsy-io/netsy/pkg/objectstore/file"
	"github.com/netsy-io/netsy/pkg/registry"
	"github.com/netsy-io/netsy/pkg/verify"
)

// childBucket names the directory that a child of TestKilled works on.
const childBucket = "NETSY_TEST_COMPACTOR_BUCKET"

// TestKilled kills compactors, processes of their own, wherever they happen to be, while a
// log is being written; in the end the bucket is verified whole.
func TestKilled(t *testing.T) {
	w := newWorld(t)
	dir := t.TempDir()
	s, err := file.Open(w.ctx(), file.Config{Dir: dir})
	w.must(err)
	w.store = s
	w.compacted(0)
	w.reign()

	var wg sync.WaitGroup
	killed := make(chan struct{})
	rng := rand.New(rand.NewPCG(uint64(time.Now().UnixNano()), 0))
	wg.Go(func() {
		defer close(killed)
		rounds := 25
		if testing.Short() {
			rounds = 5
		}
		for range rounds {
			killOne(t, dir, 1+rng.IntN(60))
			if err := s.Delete(w.ctx(), LockKey, objectstore.Always()); err != nil { // its holder is dead: nobody need wait
				t.Error(err)
			}
		}
	})
	for n := 0; ; n++ {
		select {
		case <-killed:
			wg.Wait()
			w.concludes()
			return
		default:
		}
		if n%20 == 19 {
			w.reign()
			w.compacted(w.end() - 5)
		}
		w.write(1 + n%3)
		if n > 3000 { // the children are slow here: let them catch up
			time.Sleep(time.Millisecond)
		}
	}
}

// killOne runs a compactor and kills it once it has said so many things.
func killOne(t *testing.T, dir string, lines int) {
	cmd := exec.Command(os.Args[0], "-test.run=^TestKilledChild$")
	cmd.Env = append(os.Environ(), childBucket+"="+dir)
	out, err := cmd.StdoutPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		t.Error(err)
		return
	}
	in := bufio.NewScanner(out)
	for n := 0; n < lines && in.Scan(); n++ {
	}
	if err := cmd.Process.Kill(); err != nil {
		t.Errorf("it had ended by itself: %v", err)
	}
	for in.Scan() {
	}
	_ = cmd.Wait() // it was killed
}

// TestKilledChild is what each process does.
func TestKilledChild(t *testing.T) {
	dir := os.Getenv(childBucket)
	if dir == "" {
		t.Skip("runs as a child of TestKilled")
	}
	s, err := file.Open(t.Context(), file.Config{Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	c := New(Options{Store: s, ClusterID: clusterID, ID: "child", Thresholds: Thresholds{Records: 5}, Retention: 1, Keep: 2, Dir: t.TempDir(),
		Logger: hclog.New(&hclog.LoggerOptions{Level: hclog.Debug, Output: os.Stdout})})
	if err := c.Run(t.Context(), time.Millisecond); err != nil {
		t.Fatal(err)
	}
}

// concludes lets one compactor end what the killed ones began, and looks at everything.
func (w *world) concludes() {
	w.t.Helper()
	r, err := w.compactor(func(o *Options) { o.Retention = 1 }).Once(w.ctx())
	w.must(err)
	revs := keysOf(w.t, w.store, "chunks/")
	tombs := 0
	for _, rev := range revs {
		if rev < 0 {
			tombs++
		}
	}
	w.t.Logf("%d revisions, %d chunks and %d tombstones left; last pass: %v", w.end(), len(revs)-tombs, tombs, r)
	if tombs == 0 || len(revs) > int(w.end())/2 {
		w.t.Error("next to nothing was freed: nothing was tested")
	}
	l, err := load(w.ctx(), w.store)
	w.must(err)
	w.compare(l, 0)
	w.verify(w.store)
}

// verify reads the whole bucket as an operator does.
func (w *world) verify(s objectstore.Store) {
	w.t.Helper()
	r, err := verify.Run(w.ctx(), verify.Options{Store: s, ClusterID: clusterID})
	w.must(err)
	for _, f := range r.Findings {
		if f.Severity == verify.Error && f.Key != registry.MembersKey { // there are no nodes here
			w.t.Errorf("verify: %v", f)
		}
	}
}
