package monitoring

import (
	"fmt"
	"maps"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/prometheus/common/model"
	"github.com/prometheus/common/promslog"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/model/rulefmt"
	"github.com/prometheus/prometheus/promql/parser"
)

// query is one of the dashboard's or of the rules.
type query struct {
	where  string // for messages
	expr   string // of PromQL alone: Grafana's variables have values
	legend string // Grafana's, with {{labels}}
}

// variables of Grafana, as they are with everything chosen.
var variables = strings.NewReplacer(
	"$cluster", ".*", "$namespace", ".*", "$job", ".*", "$instance", ".*",
	"$__rate_interval", "10s", "$__interval", "1s", "$__range", "1m",
)

// ruleQueries are those of a rule file.
func ruleQueries(t testing.TB, file string) (qs []query) {
	t.Helper()
	for _, r := range readRules(t, file) {
		qs = append(qs, query{where: "rule " + r.Record + r.Alert, expr: r.Expr})
	}
	return qs
}

func readRules(t testing.TB, file string) (rs []rulefmt.Rule) {
	t.Helper()
	b, err := os.ReadFile(file)
	must(t, err)
	groups, errs := rulefmt.Parse(b, false, model.UTF8Validation, promqlParser, promslog.NewNopLogger())
	for _, err := range errs {
		t.Errorf("%s: %v", file, err)
	}
	if len(errs) > 0 {
		t.FailNow()
	}
	for _, g := range groups.Groups {
		rs = append(rs, g.Rules...)
	}
	return rs
}

// prometheusOwn are metrics that Prometheus makes itself.
var prometheusOwn = catalog{"ALERTS": {
	"alertname": nil, "alertstate": {"firing": true, "pending": true}, "severity": nil, "cluster": nil, "namespace": nil, "job": nil, "instance": nil,
}}

// problems says what a query names that isn't there: metrics, labels, values of labels.
func (c catalog) problems(q query) (ps []string) {
	expr, err := promqlParser.ParseExpr(q.expr)
	if err != nil {
		return []string{fmt.Sprintf("%s: %v", q.where, err)}
	}
	say := func(format string, args ...any) { ps = append(ps, q.where+": "+fmt.Sprintf(format, args...)) }
	parser.Inspect(expr, func(n parser.Node, _ []parser.Node) error {
		switch n := n.(type) {
		case *parser.VectorSelector:
			c.checkSelector(n, say)
		case *parser.AggregateExpr:
			if !n.Without {
				c.checkLabels(n.Expr, n.Grouping, say)
			}
		case *parser.BinaryExpr:
			if m := n.VectorMatching; m != nil && m.On {
				c.checkLabels(n.LHS, m.MatchingLabels, say)
				c.checkLabels(n.RHS, m.MatchingLabels, say)
			}
		}
		return nil
	})
	return ps
}

func (c catalog) checkSelector(s *parser.VectorSelector, say func(string, ...any)) {
	ls := c[s.Name]
	if s.Name == "" {
		say("a selector without a metric's name: %s", s)
		return
	} else if ls == nil {
		say("there is no metric %s", s.Name)
		return
	}
	for _, m := range s.LabelMatchers {
		values, there := ls[m.Name]
		if m.Name == labels.MetricName || values == nil && there {
			continue
		}
		if !there {
			say("%s has no label %s", s.Name, m.Name)
			continue
		}
		for _, v := range named(m) {
			if !values[v] {
				say("%s has no %s=%q, but %s", s.Name, m.Name, v, strings.Join(slices.Sorted(maps.Keys(values)), ", "))
			}
		}
	}
}

// named are the values that a matcher spells out.
func named(m *labels.Matcher) []string {
	if m.Type == labels.MatchEqual || m.Type == labels.MatchNotEqual {
		return []string{m.Value}
	}
	return m.SetMatches() // none if it is a pattern
}

// checkLabels: each label is one of every selector below.
func (c catalog) checkLabels(e parser.Expr, names []string, say func(string, ...any)) {
	parser.Inspect(e, func(n parser.Node, _ []parser.Node) error {
		s, ok := n.(*parser.VectorSelector)
		if !ok || c[s.Name] == nil {
			return nil
		}
		for _, name := range names {
			if _, there := c[s.Name][name]; !there {
				say("%s has no label %s to group or match by", s.Name, name)
			}
		}
		return nil
	})
}

var placeholder = regexp.MustCompile(`\{\{\s*([a-zA-Z0-9_]+)\s*\}\}`)

// legendLabels are the labels that a legend shows.
func legendLabels(legend string) (names []string) {
	for _, m := range placeholder.FindAllStringSubmatch(legend, -1) {
		names = append(names, m[1])
	}
	return names
}

// page is what docs/metrics.md says, which is generated from the code: for what doesn't happen in
// a short run. Values of labels are those that the help text or the label's code names in words.
func page(t testing.TB) catalog {
	t.Helper()
	b, err := os.ReadFile(root + "/docs/metrics.md")
	must(t, err)
	row := regexp.MustCompile("(?m)^\\| `([a-z_]+)` \\| (\\w+) \\| (.*?) \\| (.*) \\|$")
	out := catalog{}
	for _, m := range row.FindAllStringSubmatch(string(b), -1) {
		names := []string{m[1]}
		if m[2] == "histogram" {
			names = []string{m[1] + "_bucket", m[1] + "_sum", m[1] + "_count"}
		}
		for _, name := range names {
			out[name] = map[string]map[string]bool{}
			for _, l := range regexp.MustCompile("`([a-z_]+)`").FindAllStringSubmatch(m[3], -1) {
				out[name][l[1]] = map[string]bool{}
				for _, word := range regexp.MustCompile(`[a-z]+(?:[_-][a-z]+)*`).FindAllString(m[4], -1) {
					out[name][l[1]][word] = true
				}
			}
		}
	}
	if len(out) < 100 {
		t.Fatalf("docs/metrics.md: only %d metrics understood", len(out))
	}
	return out
}
