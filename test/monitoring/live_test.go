package monitoring

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/prometheus/model/rulefmt"
	"github.com/prometheus/prometheus/promql"
	"github.com/prometheus/prometheus/rules"
	pb "go.etcd.io/etcd/api/v3/etcdserverpb"
	"google.golang.org/grpc/codes"

	"github.com/netsy-io/netsy/test/internal/load"
	"github.com/netsy-io/netsy/test/internal/proc"
)

// unseen are metrics in use that a short run without faults need not show: for them docs/metrics.md
// is asked, which is generated from the code.
var unseen = map[string]bool{
	"netsy_identity_refusals_total": true, // nobody is refused
	"netsy_objectlog_retries_total": true, // a directory never fails
	"netsy_compactor_freed_total":   true, // what is superseded is kept for a while
}

// mayBeEmpty are queries that have no answer while all is well, by what they ask for.
var mayBeEmpty = []string{`grpc_code=~"Unavailable`, "netsy_identity_refusals_total", "netsy_objectlog_retries_total", "netsy_compactor_freed_total", ") > 0"}

// large writes values of a size that fills chunks, so that there are snapshots and something to free.
func large(ctx context.Context, r load.Recorded, n int) {
	key := fmt.Sprintf("large/%s/%d", r.Name, n%50)
	if resp, err := r.Get(ctx, key); err == nil { // what fails is tried again with the next
		var mod int64
		if len(resp.Kvs) == 1 {
			mod = resp.Kvs[0].ModRevision
		}
		_, _ = r.PutIf(ctx, key, strings.Repeat("x", 50_000), mod)
	}
}

// past reads as Kubernetes lists in pages: at a revision that is over.
func past(ctx context.Context, r load.Recorded, _ int) {
	if resp, err := r.Get(ctx, load.CounterKey); err == nil {
		_, _ = r.KV.Range(ctx, &pb.RangeRequest{Key: []byte(load.CounterKey), Revision: resp.Header.Revision - 1})
	}
}

// TestLive runs a cluster, has its Primary killed, and asks Prometheus everything that the dashboard
// and the alerts ask.
func TestLive(t *testing.T) {
	c := startCluster(t, "1s", map[string]any{
		"heartbeat_interval":  "200ms",
		"elector":             map[string]any{"degradation_count": 2, "primary_prior_timeout": "1500ms"},
		"compaction_interval": "1s",
		"snapshot":            map[string]any{"threshold_records": 100},
		"replication":         map[string]any{"chunk_buffer": map[string]any{"threshold_size_mb": 1}},
	})
	p := scrapeEvery(t, 500*time.Millisecond, c)
	c.use(20*time.Millisecond, load.Create, load.CreateAndDelete, load.Increment, load.ReadOne, large, past)
	d, _, err := readDashboard(dashFile)
	must(t, err)
	qs := append(d.queries(), ruleQueries(t, alertsFile)...)

	p.await("there is a snapshot", "netsy_compactor_snapshot_revision > 0")
	p.await("every process is scraped", fmt.Sprintf("count(up == 1) == %d", len(members)))
	t.Run("quiet when all is well", func(t *testing.T) { p.quiet(t) })
	killed := c.primary()
	c.all[killed].Kill()
	p.awaitAlert("NetsyTargetDown")
	c.start(killed)
	c.awaitVoters()
	for _, id := range []string{"elector-1", "elector-2"} {
		c.all[id].Kill()
	}
	p.awaitAlert("NetsyNoElector")
	c.start("elector-1")
	c.start("elector-2")
	proc.Until(t, t.Context(), "every metric in use was scraped", func(context.Context) error { return p.missing(t, qs) })

	known := p.known(t)
	for _, q := range qs {
		for _, problem := range known.problems(q) {
			t.Error(problem)
		}
	}
	t.Run("answers", func(t *testing.T) { p.answers(t, d.queries()) })
	t.Run("rules evaluate", func(t *testing.T) { p.rulesEvaluate(t) })
	t.Run("mutations", func(t *testing.T) { mutations(t, known, qs) })
}

// known is what was scraped, and beside it what docs/metrics.md and the libraries say.
func (p *prom) known(t testing.TB) catalog {
	t.Helper()
	c, err := p.catalog()
	must(t, err)
	c["ALERTS"] = prometheusOwn["ALERTS"]
	for name, ls := range page(t) {
		if c[name] == nil {
			if !unseen[name] {
				continue
			}
			c[name] = map[string]map[string]bool{"cluster": nil, "namespace": nil, "job": nil, "instance": nil}
			if strings.HasSuffix(name, "_bucket") {
				c[name]["le"] = nil
			}
		}
		for l, values := range ls {
			if c[name][l] == nil {
				c[name][l] = map[string]bool{}
			}
			for v := range values {
				c[name][l][v] = true
			}
		}
	}
	for code := codes.OK; code <= codes.Unauthenticated; code++ {
		if ls := c["grpc_server_handled_total"]; ls != nil && ls["grpc_code"] != nil {
			ls["grpc_code"][code.String()] = true
		}
	}
	return c
}

// missing says which metrics in use were not scraped yet, but for those in unseen.
func (p *prom) missing(t testing.TB, qs []query) error {
	known := p.known(t)
	var all []error
	for _, q := range qs {
		for _, problem := range known.problems(q) {
			all = append(all, errors.New(problem))
		}
	}
	return errors.Join(all...)
}

// evaluate asks for an expression now, as an alert would at this moment.
func (p *prom) evaluate(t testing.TB, expr string) promql.Vector {
	t.Helper()
	v, err := p.instant(expr, time.Now())
	if err != nil {
		t.Errorf("%s: %v", expr, err)
	}
	return v
}

// quiet: no alert's expression holds in a cluster that is well.
func (p *prom) quiet(t *testing.T) {
	for _, r := range readRules(t, alertsFile) {
		if v := p.evaluate(t, r.Expr); len(v) > 0 {
			t.Errorf("%s (%s) would fire: %v", r.Alert, r.Labels["severity"], v)
		}
	}
}

// await waits until an expression holds.
func (p *prom) await(what, expr string) {
	p.t.Helper()
	proc.Until(p.t, p.t.Context(), what, func(context.Context) error {
		if len(p.evaluate(p.t, expr)) == 0 {
			return fmt.Errorf("%s doesn't hold", expr)
		}
		return nil
	})
}

// awaitAlert waits until an alert's expression holds.
func (p *prom) awaitAlert(name string) {
	p.t.Helper()
	all := readRules(p.t, alertsFile)
	i := slices.IndexFunc(all, func(r rulefmt.Rule) bool { return r.Alert == name })
	if i < 0 {
		p.t.Fatalf("there is no alert %s", name)
	}
	p.await(name+" would fire", all[i].Expr)
}

// answers: every query of the dashboard has an answer, whose labels are those of its legend.
func (p *prom) answers(t *testing.T, qs []query) {
	for _, q := range qs {
		m, err := p.ranged(q.expr, time.Now().Add(-time.Minute), time.Now(), time.Second)
		if err != nil {
			t.Errorf("%s: %v", q.where, err)
			continue
		}
		if len(m) == 0 && !slices.ContainsFunc(mayBeEmpty, func(s string) bool { return strings.Contains(q.expr, s) }) {
			t.Errorf("%s: no answer to %s", q.where, q.expr)
		}
		for _, s := range m {
			for _, l := range legendLabels(q.legend) {
				if !s.Metric.Has(l) {
					t.Errorf("%s: the legend shows %s, but the answer has only %s", q.where, l, s.Metric)
				}
			}
		}
	}
}

// rulesEvaluate: Prometheus' own rule manager, which has evaluated every rule all the while, met no
// error, in templates neither.
func (p *prom) rulesEvaluate(t *testing.T) {
	n := 0
	for _, r := range p.rules.Rules() {
		n++
		if r.LastError() != nil || r.Health() != rules.HealthGood {
			t.Errorf("%s: %s, %v", r.Name(), r.Health(), r.LastError())
		}
	}
	if want := len(readRules(t, alertsFile)); n != want {
		t.Errorf("%d rules were evaluated, want %d", n, want)
	}
}

// mutations: whatever is misnamed in any query is found.
func mutations(t *testing.T, known catalog, qs []query) {
	made := 0
	for _, q := range qs {
		for what, expr := range misnamed(t, q.expr) {
			made++
			if len(known.problems(query{where: q.where, expr: expr})) == 0 {
				t.Errorf("%s: %s was not found in %s", q.where, what, expr)
			}
		}
	}
	if made < 3*len(qs) {
		t.Errorf("only %d mutations of %d queries", made, len(qs))
	}
}
