package compactor

import (
	"flag"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/netsy-io/netsy/pkg/objectstore/fault"
)

var update = flag.Bool("update", false, "rewrite testdata/traces.txt")

// TestTraces: what passes cost. Changes in requests and their order show up in review.
func TestTraces(t *testing.T) {
	w := newWorld(t)
	var trace fault.Trace
	c := w.compactor(func(o *Options) { o.Store = fault.New(w.mem, trace.Fault()) })
	var out strings.Builder
	pass := func(what string) {
		t.Helper()
		trace.Take()
		w.once(c)
		lines := trace.Lines()
		inOrder(lines, "get chunks/")
		inOrder(lines, "delete chunks/", "put chunks/")
		out.WriteString("# " + what + "\n" + regexp.MustCompile(`\d+B`).ReplaceAllString(strings.Join(lines, "\n"), "nB") + "\n\n")
	}
	w.reign()
	w.write(1)
	w.once(c) // what snapshots cost is for pkg/snapshot and pkg/objectlog to show
	w.write(1)
	w.write(1)
	w.once(c)
	pass("nothing to do")
	w.pass(2 * retention)
	pass("freeing what two snapshots hold, which this process knows")
	pass("nothing to do, and a tombstone that is known")
	c = w.compactor(func(o *Options) { o.Store = fault.New(w.mem, trace.Fault()) })
	pass("nothing to do, for a new process")
	const golden = "testdata/traces.txt"
	if *update {
		w.must(os.MkdirAll("testdata", 0o755))
		w.must(os.WriteFile(golden, []byte(out.String()), 0o644))
	}
	want, err := os.ReadFile(golden)
	if err != nil || string(want) != out.String() {
		t.Errorf("not %s (%v); go test ./pkg/compactor -run TestTraces -update, if it is meant:\n%s", golden, err, out.String())
	}
}

// inOrder sorts lines that belong to requests made at the same time.
func inOrder(lines []string, prefixes ...string) {
	is := func(l string) bool {
		return slices.ContainsFunc(prefixes, func(p string) bool { return strings.HasPrefix(l, p) })
	}
	for from := 0; from < len(lines); from++ {
		to := from
		for to < len(lines) && is(lines[to]) {
			to++
		}
		slices.Sort(lines[from:to])
		from = max(from, to-1)
	}
}
