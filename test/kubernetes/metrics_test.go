package kubernetes_test

import (
	"regexp"
	"strconv"
	"strings"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// testConsistentReads checks that kube-apiserver serves consistent lists from its watch cache,
// which needs prompt progress of watches, and that it found nothing wrong in it.
func (c *cluster) testConsistentReads(t *testing.T) {
	maps := c.client.CoreV1().ConfigMaps(c.namespace(t, "consistent"))
	const reads = 20
	before := c.metrics(t)
	for i := range reads {
		made, err := maps.Create(t.Context(), configMap(strconv.Itoa(i), ""), metav1.CreateOptions{})
		check(t, err)
		list, err := maps.List(t.Context(), metav1.ListOptions{})
		check(t, err)
		if len(list.Items) != i+1 {
			t.Fatalf("%d objects listed after %d were made, the last at %s", len(list.Items), i+1, made.ResourceVersion)
		}
	}
	after := c.metrics(t)
	served := sum(after, consistentReads, `success="true"`) - sum(before, consistentReads, `success="true"`)
	if served < reads {
		t.Errorf("%v of at least %d consistent reads came from the watch cache", served, reads)
	}
	if n := sum(after, consistentReads, `success="false"`); n != 0 {
		t.Errorf("%v consistent reads weren't served from the watch cache in time", n)
	}
	c.checkedItself(t)
}

// checkedItself checks that kube-apiserver found no difference between its watch caches and the
// store, which it looks for every five minutes or so.
func (c *cluster) checkedItself(t *testing.T) {
	t.Helper()
	text := c.metrics(t)
	if n := sum(text, consistencyChecks, `status="failure"`); n != 0 {
		t.Errorf("%v checks found the watch cache different from the store", n)
	}
	t.Logf("kube-apiserver found %v times that a watch cache holds what the store does", sum(text, consistencyChecks, `status="success"`))
}

const (
	consistentReads   = "apiserver_watch_cache_consistent_read_total"
	consistencyChecks = "apiserver_storage_consistency_checks_total"
)

// metrics returns kube-apiserver's /metrics.
func (c *cluster) metrics(t *testing.T) string {
	t.Helper()
	text, err := c.client.CoreV1().RESTClient().Get().AbsPath("/metrics").DoRaw(t.Context())
	check(t, err)
	return string(text)
}

// sum adds up a metric over all its series with a label.
func sum(metrics, name, label string) float64 {
	total := 0.0
	for _, m := range regexp.MustCompile(`(?m)^`+name+`\{([^}]*)\} (\S+)$`).FindAllStringSubmatch(metrics, -1) {
		if v, err := strconv.ParseFloat(m[2], 64); err == nil && strings.Contains(m[1], label) {
			total += v
		}
	}
	return total
}
