package daemon

import (
	"context"
	"flag"
	"fmt"
	"maps"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/hashicorp/go-hclog"
	"github.com/prometheus/client_golang/prometheus"
	"golang.org/x/sync/errgroup"

	"github.com/netsy-io/netsy/pkg/config"
	"github.com/netsy-io/netsy/pkg/identity"
)

var update = flag.Bool("update", false, "rewrite the tables of docs/metrics.md")

const (
	metricsPage = "../../docs/metrics.md"
	tablesBegin = "<!-- tables: written by go test ./pkg/daemon -update -->\n"
	tablesEnd   = "<!-- end -->\n"
)

// TestMetricsPage compares docs/metrics.md with what a running node, which has an
// elector in office within it, and a compactor have registered.
func TestMetricsPage(t *testing.T) {
	settings := oneNode(t)
	want := tables(t, runningNode(t, settings), ranCompactor(t, settings))
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
		t.Errorf("%s is not what a node and a compactor register: run go test ./pkg/daemon -update", metricsPage)
	}
}

// runningNode runs a node with an elector until the test ends, and returns the
// process's metrics once the node is Primary.
func runningNode(t *testing.T, settings *config.Process) *prometheus.Registry {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	d, err := newProcess(ctx, settings, hclog.NewNullLogger())
	if err != nil {
		t.Fatal(err)
	}
	n, err := d.newNode(ctx, nil)
	if err != nil {
		t.Fatal(err)
	}
	g, ctx := errgroup.WithContext(ctx)
	g.Go(func() error { return n.Run(ctx) })
	g.Go(func() error { return d.runElector(ctx, "node-"+d.NodeID, true) })
	t.Cleanup(func() {
		cancel()
		if err := g.Wait(); err != nil {
			t.Errorf("stopping: %v", err)
		}
	})
	if _, err := n.Active(ctx); err != nil {
		t.Fatal(err)
	}
	return d.metrics
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

// oneNode makes the settings of a node in a new directory, with its certificate.
func oneNode(t *testing.T) *config.Process {
	t.Helper()
	dir, c := t.TempDir(), config.Defaults()
	c.ClusterID, c.Storage.Provider, c.Storage.BucketName = "metrics", "file", filepath.Join(dir, "objects")
	if err := os.Mkdir(c.Storage.BucketName, 0o700); err != nil {
		t.Fatal(err)
	}
	peer := freeAddress(t) // the elector finds the node by it, so it must be known before
	return &config.Process{
		NodeID: "node-1", DataDir: filepath.Join(dir, "data"), TLS: certificate(t, dir, c.ClusterID), Cluster: c,
		BindPeer: peer, AdvertisePeer: peer, BindClient: "127.0.0.1:0", AdvertiseClient: "localhost:2378",
		BindHealth: "127.0.0.1:0", BindElection: "127.0.0.1:0", AdvertiseElection: "localhost:8443",
	}
}

func certificate(t *testing.T, dir, clusterID string) identity.Files {
	t.Helper()
	f := identity.Files{CA: filepath.Join(dir, "ca.crt"), Cert: filepath.Join(dir, "node.crt"), Key: filepath.Join(dir, "node.key")}
	ca, err := identity.NewCA(clusterID, 2*time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	if err := ca.WriteFiles(f.CA, filepath.Join(dir, "ca.key"), false); err != nil {
		t.Fatal(err)
	}
	pair, err := ca.Issue(identity.IssueRequest{Role: identity.RolePeer, Name: "node-1", Validity: time.Hour, DNS: []string{"localhost"}})
	if err != nil {
		t.Fatal(err)
	}
	if err := pair.WriteFiles(f.Cert, f.Key, false); err != nil {
		t.Fatal(err)
	}
	return f
}

func freeAddress(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

// described takes a metric's description apart; the library shows it only as text.
var described = regexp.MustCompile(`^Desc\{fqName: "([^"]*)", help: "(.*?)", (?:unit: "[^"]*", )?constLabels: \{(.*)\}, variableLabels: \{(.*)\}\}$`)

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
		fmt.Fprintf(&b, "\n### `%s`\n\n| metric | type | labels | |\n|---|---|---|---|\n%s\n", part, strings.Join(slices.Compact(rows[part]), "\n"))
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
