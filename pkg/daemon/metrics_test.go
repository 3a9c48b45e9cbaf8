package daemon

import (
	"flag"
	"fmt"
	"maps"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/hashicorp/go-hclog"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/netsy-io/netsy/pkg/config"
)

var update = flag.Bool("update", false, "rewrite the tables of docs/metrics.md")

const (
	metricsPage = "../../docs/metrics.md"
	tablesBegin = "<!-- tables: written by go test ./pkg/daemon -update -->\n"
	tablesEnd   = "<!-- end -->\n"
)

// TestMetricsPage compares docs/metrics.md with what two running nodes, one of them Primary
// with an elector in office within it, and a compactor have registered.
func TestMetricsPage(t *testing.T) {
	w := newWorld(t)
	var compactor *prometheus.Registry
	if !t.Run("an earlier reign, and a snapshot of it", func(t *testing.T) {
		r := w.run(t, 0)
		r.await(t, "netsy_primary_epoch")
		compactor = ranCompactor(t, r.d.Process)
	}) {
		return
	}
	a, b := w.runningNodes(t)
	a.await(t, "netsy_primary_snapshot_revision")
	want := tables(t, a.d.metrics, b.d.metrics, compactor)
	page, err := os.ReadFile(metricsPage)
	if err != nil {
		t.Fatal(err)
	}
	head, rest, found := strings.Cut(string(page), tablesBegin)
	got, tail, ended := strings.Cut(rest, tablesEnd)
	if !found || !ended {
		t.Fatalf("%s: the marks around the tables are gone", metricsPage)
	}
	if *update {
		got = want
		if err := os.WriteFile(metricsPage, []byte(head+tablesBegin+want+tablesEnd+tail), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if got != want {
		t.Errorf("%s is not what nodes and a compactor register: run go test ./pkg/daemon -update", metricsPage)
	}
	for _, name := range regexp.MustCompile(`netsy_[a-z_]+[a-z]`).FindAllString(head, -1) {
		if !strings.Contains(want, "`"+strings.TrimSuffix(name, "_bucket")+"`") {
			t.Errorf("%s speaks of %s, which there isn't", metricsPage, name)
		}
	}
}

// ranCompactor returns the metrics of a compactor that has written a snapshot.
func ranCompactor(t *testing.T, settings *config.Process) *prometheus.Registry {
	t.Helper()
	own := *settings.Cluster
	own.Snapshot.ThresholdRecords = 1
	d, err := newStoreProcess(t.Context(), &config.Process{Cluster: &own}, hclog.NewNullLogger())
	if err != nil {
		t.Fatal(err)
	}
	if r, err := d.newCompactor(t.TempDir()).Once(t.Context()); err != nil || r.Written == 0 {
		t.Fatalf("%+v, %v", r, err)
	}
	return d.metrics
}

// described takes a metric's description apart; the library shows it only as text.
var described = regexp.MustCompile(`^Desc\{fqName: "([^"]*)", help: "(.*?)", (?:unit: "[^"]*", )?constLabels: \{(.*)\}, variableLabels: \{(.*)\}\}$`)

// presence says of the parts that belong to a role when they are there; TestRoles proves it.
var presence = map[string]string{
	"netsy_elector": "Only while the process's elector is in office.\n\n",
	"netsy_primary": "Only while the node is the active Primary, or hands over.\n\n",
	"netsy_replica": "Only while the node follows another's reign, or tries to.\n\n",
	"netsy_office":  "Only in a process with an elector.\n\n",
}

// tables writes a table for each part of Netsy, from descriptions rather than
// values: a metric with labels has no value before something happens.
func tables(t *testing.T, regs ...*prometheus.Registry) string {
	t.Helper()
	rows, types := map[string][]string{}, map[string]string{} // rows by part
	for _, reg := range regs {
		maps.Copy(types, typesOf(t, reg))
	}
	for _, reg := range regs {
		addRows(t, rows, types, reg)
	}
	var b strings.Builder
	for _, part := range sorted(rows) {
		slices.Sort(rows[part])
		fmt.Fprintf(&b, "\n### `%s`\n\n%s| metric | type | labels | |\n|---|---|---|---|\n%s\n", part, presence[part], strings.Join(slices.Compact(rows[part]), "\n"))
	}
	return b.String() + "\n"
}

func addRows(t *testing.T, rows map[string][]string, types map[string]string, reg *prometheus.Registry) {
	t.Helper()
	descs := make(chan *prometheus.Desc)
	go func() {
		defer close(descs)
		reg.Describe(descs)
	}()
	for d := range descs {
		m := described.FindStringSubmatch(d.String())
		if m == nil {
			t.Fatalf("can't read %s", d)
		}
		if name := m[1]; !strings.HasPrefix(name, "go_") && !strings.HasPrefix(name, "process_") {
			part := partOf(name)
			rows[part] = append(rows[part], row(t, name, types[name], constant(m[3])+m[4], m[2]))
		}
	}
}

func row(t *testing.T, name, kind, labels, help string) string {
	switch {
	case kind == "" && strings.HasSuffix(name, "_total"):
		kind = "counter" // with labels, and nothing has happened yet
	case kind == "":
		t.Errorf("%s has no value by which to know its type: make something happen that gives it one", name)
	}
	if labels != "" {
		labels = "`" + strings.ReplaceAll(labels, ",", "`, `") + "`"
	}
	return strings.TrimSuffix(fmt.Sprintf("| `%s` | %s | %s | %s |", name, kind, labels, help), " ")
}

// constant leaves the names of labels that are always the same.
func constant(labels string) string {
	return regexp.MustCompile(`="[^"]*"`).ReplaceAllString(labels, "")
}

// partOf is netsy_{part}_ or the prefix of a library.
func partOf(name string) string {
	words := strings.SplitN(name, "_", 3)
	return words[0] + "_" + words[1]
}

func typesOf(t *testing.T, reg *prometheus.Registry) map[string]string {
	t.Helper()
	families, err := reg.Gather()
	if err != nil {
		t.Fatal(err)
	}
	out := map[string]string{}
	for _, f := range families {
		out[f.GetName()] = strings.ToLower(f.GetType().String())
	}
	return out
}

func sorted[V any](m map[string]V) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}
