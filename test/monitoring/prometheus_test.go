package monitoring

import (
	"context"
	"fmt"
	"sort"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/common/model"
	"github.com/prometheus/common/promslog"
	"github.com/prometheus/prometheus/config"
	"github.com/prometheus/prometheus/discovery/targetgroup"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/promql"
	"github.com/prometheus/prometheus/promql/parser"
	"github.com/prometheus/prometheus/rules"
	"github.com/prometheus/prometheus/scrape"
	"github.com/prometheus/prometheus/tsdb"
)

var promqlParser = parser.NewParser(parser.Options{})

// prom is Prometheus as far as it matters here: what scrapes, stores and answers.
type prom struct {
	t      testing.TB
	db     *tsdb.DB
	engine *promql.Engine
	rules  *rules.Manager
}

// scrapeEvery begins to scrape the cluster's processes, by the configuration of deploy/monitoring
// but for the targets and the pace, and stops with the test.
func scrapeEvery(t testing.TB, interval time.Duration, c *cluster) *prom {
	t.Helper()
	opts := tsdb.DefaultOptions()
	opts.MinBlockDuration = (24 * time.Hour).Milliseconds() // all of it stays in the head
	opts.MaxBlockDuration = opts.MinBlockDuration
	db, err := tsdb.Open(t.TempDir(), nil, nil, opts, tsdb.NewDBStats())
	must(t, err)
	t.Cleanup(func() { must(t, db.Close()) })
	p := &prom{t: t, db: db}
	p.engine = promql.NewEngine(promql.EngineOpts{
		MaxSamples: 50e6, Timeout: time.Minute, LookbackDelta: 5 * time.Minute, EnableAtModifier: true, EnableNegativeOffset: true, Parser: promqlParser,
		NoStepSubqueryIntervalFn: func(int64) int64 { return time.Second.Milliseconds() },
	})
	t.Cleanup(func() { must(t, p.engine.Close()) })
	p.scrape(interval, c)
	p.runRules(interval)
	return p
}

func (p *prom) scrape(interval time.Duration, c *cluster) {
	p.t.Helper()
	cfg, err := config.LoadFile(promFile, false, promslog.NewNopLogger())
	must(p.t, err)
	if len(cfg.ScrapeConfigs) != 1 {
		p.t.Fatalf("%s has %d scrape configurations, want one", promFile, len(cfg.ScrapeConfigs))
	}
	sc := cfg.ScrapeConfigs[0]
	sc.ScrapeInterval, sc.ScrapeTimeout = model.Duration(interval), model.Duration(interval)
	m, err := scrape.NewManager(&scrape.Options{DiscoveryReloadInterval: model.Duration(10 * time.Millisecond)}, nil, nil, p.db, nil, prometheus.NewRegistry())
	must(p.t, err)
	must(p.t, m.ApplyConfig(cfg))
	ended := make(chan error, 1)
	targets := make(chan map[string][]*targetgroup.Group)
	go func() { ended <- m.Run(targets) }() // ends with Stop
	p.t.Cleanup(func() {
		m.Stop()
		must(p.t, <-ended)
	})
	targets <- map[string][]*targetgroup.Group{sc.JobName: c.targets()}
}

// targets are the cluster's processes, with the labels that a real Prometheus would add. Their
// addresses are replaced by names, as relabelling does on Kubernetes.
func (c *cluster) targets() (groups []*targetgroup.Group) {
	for _, id := range members {
		groups = append(groups, &targetgroup.Group{
			Source:  id,
			Targets: []model.LabelSet{{model.AddressLabel: model.LabelValue(c.all[id].health), model.InstanceLabel: model.LabelValue(id)}},
			Labels:  model.LabelSet{"cluster": clusterID, "namespace": "storage"},
		})
	}
	return groups
}

// runRules evaluates the alerts as Prometheus does, until the test ends.
func (p *prom) runRules(every time.Duration) {
	p.t.Helper()
	p.rules = rules.NewManager(&rules.ManagerOptions{
		QueryFunc: rules.EngineQueryFunc(p.engine, p.db), NotifyFunc: func(context.Context, string, ...*rules.Alert) {},
		Context: p.t.Context(), Appendable: p.db, Queryable: p.db, Parser: promqlParser, Registerer: prometheus.NewRegistry(),
	})
	must(p.t, p.rules.Update(every, []string{alertsFile}, labels.EmptyLabels(), "", nil))
	ended := make(chan struct{})
	go func() { // ends with Stop
		defer close(ended)
		p.rules.Run()
	}()
	p.t.Cleanup(func() {
		p.rules.Stop()
		<-ended
	})
}

// instant asks for the value now.
func (p *prom) instant(expr string, at time.Time) (promql.Vector, error) {
	q, err := p.engine.NewInstantQuery(p.t.Context(), p.db, nil, expr, at)
	if err != nil {
		return nil, err
	}
	defer q.Close()
	r := q.Exec(p.t.Context())
	if r.Err != nil {
		return nil, r.Err
	}
	v, err := r.Vector()
	if err != nil {
		if s, serr := r.Scalar(); serr == nil {
			return promql.Vector{{T: s.T, F: s.V}}, nil
		}
		return nil, err
	}
	return append(promql.Vector(nil), v...), nil // Close takes it back
}

// ranged asks for values from begin to end.
func (p *prom) ranged(expr string, begin, end time.Time, step time.Duration) (promql.Matrix, error) {
	q, err := p.engine.NewRangeQuery(p.t.Context(), p.db, nil, expr, begin, end, step)
	if err != nil {
		return nil, err
	}
	defer q.Close()
	r := q.Exec(p.t.Context())
	if r.Err != nil {
		return nil, r.Err
	}
	m, err := r.Matrix()
	if err != nil {
		return nil, err
	}
	var out promql.Matrix
	for _, s := range m {
		s.Floats = append([]promql.FPoint(nil), s.Floats...) // Close takes them back
		out = append(out, s)
	}
	sort.Sort(out)
	return out, nil
}

// catalog is what was ever scraped: for each metric its labels, and for each label its values.
type catalog map[string]map[string]map[string]bool

func (p *prom) catalog() (catalog, error) {
	q, err := p.db.Querier(0, time.Now().Add(time.Hour).UnixMilli())
	if err != nil {
		return nil, err
	}
	defer q.Close()
	c := catalog{}
	set := q.Select(p.t.Context(), false, nil, labels.MustNewMatcher(labels.MatchRegexp, labels.MetricName, ".+"))
	for set.Next() {
		c.add(set.At().Labels())
	}
	if set.Err() != nil {
		return nil, fmt.Errorf("listing series: %w", set.Err())
	}
	return c, nil
}

func (c catalog) add(series labels.Labels) {
	name := series.Get(labels.MetricName)
	if c[name] == nil {
		c[name] = map[string]map[string]bool{}
	}
	series.Range(func(l labels.Label) {
		if c[name][l.Name] == nil {
			c[name][l.Name] = map[string]bool{}
		}
		c[name][l.Name][l.Value] = true
	})
}
