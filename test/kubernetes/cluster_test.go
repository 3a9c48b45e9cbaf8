// Package kubernetes_test runs an unmodified kube-apiserver on Netsy and uses it as people do:
// everything through Kubernetes' own clients, while its processes are stopped and killed.
//
// With NETSY_TEST_TARGET=etcd it runs on etcd, which checks the tests.
package kubernetes_test

import (
	"cmp"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"

	"github.com/netsy-io/netsy/test/kubernetes/harness"
)

// patience bounds every wait for something that kube-apiserver does on its own time. What is
// waited for takes seconds; a wait that lasts this long has failed.
const patience = 2 * time.Minute

const (
	eventTTL           = 5 * time.Second
	compactionInterval = 10 * time.Second
)

// Shapes of the store.
var (
	oneNode    = harness.Shape{Nodes: 1, Electors: 1}
	threeNodes = harness.Shape{Nodes: 3, Electors: 2}
)

var (
	target   = cmp.Or(os.Getenv("NETSY_TEST_TARGET"), harness.TargetNetsy)
	binaries harness.Binaries
)

func TestMain(m *testing.M) {
	var err error
	if binaries, err = harness.Build(target); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	os.Exit(m.Run())
}

// cluster is a kube-apiserver and the store under it.
type cluster struct {
	store  *harness.Store
	api    *harness.APIServer
	client kubernetes.Interface
}

// startCluster starts both, and stops them when the test ends. Then kube-apiserver's log must hold
// no errors but those that explained, or the list of all tests, explains. The logs are kept in
// NETSY_TEST_LOGS if that is set.
func startCluster(t *testing.T, shape harness.Shape, etcdAPI string, o harness.Options, explained ...harness.Explained) *cluster {
	t.Helper()
	dir := t.TempDir()
	store, err := harness.NewStore(t.Context(), binaries, target, dir, etcdAPI, shape)
	check(t, err)
	api, err := harness.NewAPIServer(binaries, dir, store, o)
	check(t, err)
	c := &cluster{store: store, api: api}
	t.Cleanup(func() { c.finish(t, dir, append(explained, explainedAlways...)) })
	check(t, store.Start())
	check(t, api.Start(t.Context()))
	c.client, err = kubernetes.NewForConfig(api.Config)
	check(t, err)
	return c
}

func (c *cluster) finish(t *testing.T, dir string, explained []harness.Explained) {
	if err := c.api.Stop(); err != nil {
		t.Error(err)
	}
	if err := c.store.Stop(); err != nil {
		t.Error(err)
	}
	unexplained, all, err := harness.LogProblems(c.api.LogPath, explained)
	if err != nil {
		t.Error(err)
	}
	t.Logf("kube-apiserver logged %d errors, %d of them unexplained", all, len(unexplained))
	for i, line := range unexplained {
		if i == 20 {
			t.Errorf("and %d more", len(unexplained)-i)
			break
		}
		t.Errorf("kube-apiserver: %s", line)
	}
	anew, err := harness.Count(c.api.LogPath, "Terminating all watchers from cacher")
	if err != nil {
		t.Error(err)
	}
	t.Logf("kube-apiserver began %d of its watch caches anew", anew)
	if keep := os.Getenv("NETSY_TEST_LOGS"); keep != "" {
		keepLogs(t, dir, filepath.Join(keep, strings.ReplaceAll(t.Name(), "/", "_")))
	} else if t.Failed() {
		t.Log("set NETSY_TEST_LOGS to a directory to keep the logs")
	}
}

func keepLogs(t *testing.T, from, to string) {
	logs, err := filepath.Glob(filepath.Join(from, "*.log"))
	check(t, err)
	check(t, os.MkdirAll(to, 0o755))
	for _, log := range logs {
		text, err := os.ReadFile(log)
		check(t, err)
		check(t, os.WriteFile(filepath.Join(to, filepath.Base(log)), text, 0o644))
	}
}

// explainedAlways are errors that kube-apiserver logs on etcd too.
var explainedAlways = []harness.Explained{
	{Pattern: regexp.MustCompile(`namespaces \\*"kube-system\\*" not found`), Reason: "the first start is still creating it; tried again"},
	{Pattern: regexp.MustCompile(`"Failed to (watch|list)" err="(failed to list [^:]*: )?Get \\"https://127\.0\.0\.1:\d+/.*(context canceled|connection refused|EOF)"`),
		Reason: "every test ends with stopping it, and its informers, which ask itself over HTTPS, end with it"},
	{Pattern: regexp.MustCompile(`compact failed: context canceled$`), Reason: "it is stopped in the midst of a compaction, which the next start makes up for"},
}

// explainedOutage are errors while the store is away. None of them may say that data is wrong.
var explainedOutage = []harness.Explained{
	{Pattern: regexp.MustCompile(`connection refused|connection reset|transport is closing|error reading from server`), Reason: "the store's port is closed"},
	{Pattern: regexp.MustCompile(`"Cache consistency check error" err="failed calculating etcd digest: The resourceVersion for the provided list is too old`),
		Reason: "its check of a watch cache was overtaken by a compaction; a difference is another message, and a panic"},
	{Pattern: regexp.MustCompile(`keepalive ping failed to receive ACK|context deadline exceeded|unable to return a response in the time allotted`), Reason: "a node was asked that hung"},
	{Pattern: regexp.MustCompile(`(?i)http: Handler timeout|post-timeout activity`), Reason: "the client gave up on a request that waited for the store"},
	{Pattern: regexp.MustCompile(`etcdserver: (no leader|leader changed|request timed out(, possibly due to previous leader failure)?)("|$)`),
		Reason: "no Primary just then: whoever asked is told that it failed, and tries again"},
}

// explainedAPIRestart are errors of a kube-apiserver that stops or starts.
var explainedAPIRestart = []harness.Explained{
	{Pattern: regexp.MustCompile(`no API server IP addresses were listed in storage`), Reason: "the only one goes: it keeps its endpoint rather than leave none"},
}

func check(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// await polls until done says so, at most for patience. An error of done's is final.
func await(t testing.TB, what string, done func(context.Context) (bool, error)) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	for {
		ok, err := done(ctx)
		if err != nil {
			t.Fatalf("%s: %v", what, err)
		}
		if ok {
			return
		}
		select {
		case <-ctx.Done():
			t.Fatalf("%s: not within %s", what, patience)
		case <-time.After(200 * time.Millisecond):
		}
	}
}

// namespace creates a namespace for one test.
func (c *cluster) namespace(t *testing.T, name string) string {
	t.Helper()
	_, err := c.client.CoreV1().Namespaces().Create(t.Context(), namespaceNamed(name), metav1.CreateOptions{})
	check(t, err)
	return name
}
