package monitoring

import (
	"fmt"
	"testing"

	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/promql/parser"
)

// misnamed returns an expression with each metric, label and value of a label in it renamed in turn,
// by what was done.
func misnamed(t testing.TB, expr string) map[string]string {
	t.Helper()
	out := map[string]string{}
	for i := 0; ; i++ {
		e, err := promqlParser.ParseExpr(expr)
		must(t, err)
		what := rename(e, i)
		if what == "" {
			return out
		}
		out[what] = e.String()
	}
}

// rename changes the i-th name of an expression and says which; "": there are fewer.
func rename(e parser.Expr, i int) (what string) {
	turn := func(format string, args ...any) bool {
		i--
		if i == -1 {
			what = fmt.Sprintf(format, args...)
		}
		return i == -1
	}
	parser.Inspect(e, func(n parser.Node, _ []parser.Node) error {
		switch n := n.(type) {
		case *parser.VectorSelector:
			renameSelector(n, turn)
		case *parser.AggregateExpr:
			for g := range n.Grouping {
				if turn("grouping by %s", n.Grouping[g]) {
					n.Grouping[g] += "x"
				}
			}
		}
		return nil
	})
	return what
}

func renameSelector(s *parser.VectorSelector, turn func(string, ...any) bool) {
	if turn("metric %s", s.Name) {
		s.Name += "x"
		for i, m := range s.LabelMatchers {
			if m.Name == labels.MetricName {
				s.LabelMatchers[i] = labels.MustNewMatcher(m.Type, m.Name, s.Name)
			}
		}
	}
	for i, m := range s.LabelMatchers {
		if m.Name == labels.MetricName {
			continue
		}
		if turn("label %s of %s", m.Name, s.Name) {
			s.LabelMatchers[i] = labels.MustNewMatcher(m.Type, m.Name+"x", m.Value)
		}
		if len(named(m)) > 0 && m.Name != "alertname" && turn("value %s of %s", m.Value, m.Name) {
			s.LabelMatchers[i] = labels.MustNewMatcher(m.Type, m.Name, m.Value+"x")
		}
	}
}
