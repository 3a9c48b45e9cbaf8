package mvcc

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/netsy-io/netsy/pkg/record"
)

const (
	loadCrashEnv   = "NETSY_MVCC_LOAD_CRASH_DIR"
	crashLoadParts = 4
	crashLoadPart  = 700
)

// crashLoad makes the records of the load that ends a generation, its parts in order;
// they all say which generation they are of.
func crashLoad(generation record.Revision) (recs []record.Record) {
	for i := range record.Revision(crashLoadParts * crashLoadPart) {
		recs = append(recs, rec(1, generation*10000+i+1, fmt.Sprintf("key-%05d", i*7919%10000), fmt.Sprint(generation)+strings.Repeat(".", 300)))
	}
	return recs
}

// TestLoadCrashChild is not a test: it is the process that TestKilledWhileLoading
// kills. It loads generation after generation, and promises an epoch at each step.
func TestLoadCrashChild(t *testing.T) {
	dir := os.Getenv(loadCrashEnv)
	if dir == "" {
		t.Skip("only run by TestKilledWhileLoading")
	}
	ctx := context.Background()
	s, err := Open(ctx, options(dir))
	if err != nil {
		t.Fatal(err)
	}
	must := func(err error) {
		if err != nil {
			fmt.Println("failed", err)
			os.Exit(3)
		}
	}
	tell := func(what string, generation record.Revision) {
		st, err := s.Promise(ctx, s.ElectionState().Promised+1)
		must(err)
		fmt.Println("step", what, generation, int64(st.Promised))
	}
	for {
		generation := s.Tail().Revision/10000 + 1
		l, err := s.BeginLoad(ctx)
		must(err)
		tell("begun", generation)
		recs := crashLoad(generation)
		last := recs[len(recs)-1].Pos()
		for len(recs) > 0 {
			must(l.Add(ctx, recs[:crashLoadPart]))
			recs = recs[crashLoadPart:]
			tell("staged", generation)
		}
		tell("committing", generation)
		must(l.Commit(ctx, last, last.Revision-5))
		tell("committed", generation)
	}
}

// TestKilledWhileLoading kills a loading process at every kind of step, and at
// arbitrary moments after: the file holds one generation, whole, no older one than was
// reported, no younger one than was begun; what was promised is; and what was left
// half done disappears.
func TestKilledWhileLoading(t *testing.T) {
	dir := t.TempDir()
	round := 0
	for _, at := range []string{"begun", "staged", "committing", "committed"} {
		for range 4 {
			round++
			k := killLoad(t, dir, at, 2+round%3)
			s := openDir(t, dir)
			generation := checkGeneration(t, s)
			if generation < k.committed || generation > k.begun {
				t.Fatalf("generation %d is there, %d was committed and %d begun", generation, k.committed, k.begun)
			}
			if got := s.ElectionState().Promised; got < k.promised {
				t.Fatalf("epoch %d is promised, %d was", got, k.promised)
			}
			for more := true; more; {
				var err error
				if more, err = s.discardStep(t.Context()); err != nil {
					t.Fatal(err)
				}
			}
			var tables string
			if err := s.readDB.QueryRow("SELECT group_concat(name, ' ') FROM (SELECT name FROM sqlite_schema WHERE type = 'table' ORDER BY name)").
				Scan(&tables); err != nil || tables != "meta records" {
				t.Fatalf("tables %s, %v", tables, err)
			}
			if err := s.Close(); err != nil {
				t.Fatal(err)
			}
		}
	}
}

type killed struct {
	committed, begun record.Revision
	promised         record.Epoch
}

// killLoad kills the child a moment after it has told of a step for the nth time.
func killLoad(t *testing.T, dir, at string, nth int) (k killed) {
	t.Helper()
	cmd := exec.Command(os.Args[0], "-test.run=^TestLoadCrashChild$", "-test.v")
	cmd.Env = append(os.Environ(), loadCrashEnv+"="+dir)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	lines, seen := bufio.NewScanner(out), 0
	for lines.Scan() {
		var (
			what       string
			generation record.Revision
			promised   record.Epoch
		)
		if n, _ := fmt.Sscanf(lines.Text(), "step %s %d %d", &what, &generation, &promised); n != 3 {
			continue
		}
		k.promised, k.begun = promised, generation
		if what == "committed" {
			k.committed = generation
		} else {
			k.committed = generation - 1
		}
		if what == at {
			if seen++; seen == nth {
				time.Sleep(time.Duration(rand.IntN(8000)) * time.Microsecond) // anywhere in the step to come
				cmd.Process.Kill()
			}
		}
	}
	io.Copy(io.Discard, out)
	err = cmd.Wait()
	if exit := new(exec.ExitError); !errors.As(err, &exit) || exit.Exited() || seen < nth {
		t.Fatalf("the child ended by itself: %v after %+v", err, k)
	}
	return k
}

// checkGeneration returns the generation that the store holds, after checking that it is whole.
func checkGeneration(t *testing.T, s *Store) record.Revision {
	t.Helper()
	tail := s.Tail().Revision
	if tail == 0 && s.Purged() == 0 && len(revisions(t, s)) == 0 {
		return 0
	}
	generation := tail / 10000
	want := crashLoad(generation)
	i := 0
	err := s.Records(t.Context(), 1, maxRevision, func(r *record.Record) error {
		if i >= len(want) || r.Revision != want[i].Revision || string(r.Key) != string(want[i].Key) || string(r.Value) != string(want[i].Value) {
			return fmt.Errorf("record %d is %v", i, r.Pos())
		}
		i++
		return nil
	})
	if err != nil || i != len(want) || s.Purged() != tail-5 || s.CompactRevision() != tail-4 {
		t.Fatalf("generation %d: %v, %d records, purged %d of %d", generation, err, i, s.Purged(), tail)
	}
	w, err := s.NewWorking(t.Context())
	if err != nil || w.Snapshot().Len() != len(want) {
		t.Fatal(w, err)
	}
	return generation
}
