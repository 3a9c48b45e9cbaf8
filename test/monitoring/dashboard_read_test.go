package monitoring

import (
	"encoding/json"
	"fmt"
	"os"
	"regexp"
	"strings"
)

// dashboard is what matters here of Grafana's.
type dashboard struct {
	UID           string
	Title         string
	SchemaVersion int
	Templating    struct {
		List []struct {
			Name, Type string
			Query      any
			AllValue   string
			IncludeAll bool
			Multi      bool
		}
	}
	Annotations struct {
		List []struct {
			Name, Expr string
			BuiltIn    int
		}
	}
	Panels []panel
}

type panel struct {
	ID          int
	Type        string
	Title       string
	Description string
	GridPos     struct{ X, Y, W, H int }
	Datasource  struct{ Type, UID string }
	FieldConfig struct {
		Defaults struct {
			Unit    string
			NoValue string
		}
	}
	Targets []struct {
		RefID        string
		Expr         string
		LegendFormat string
		Instant      bool
		Datasource   struct{ Type, UID string }
	}
}

func readDashboard(file string) (*dashboard, []byte, error) {
	b, err := os.ReadFile(file)
	if err != nil {
		return nil, nil, err
	}
	d := &dashboard{}
	if err := json.Unmarshal(b, d); err != nil {
		return nil, nil, fmt.Errorf("%s: %w", file, err)
	}
	return d, b, nil
}

// queries are all that the dashboard asks Prometheus, with everything chosen.
func (d *dashboard) queries() (qs []query) {
	for _, p := range d.Panels {
		for _, t := range p.Targets {
			qs = append(qs, query{where: fmt.Sprintf("panel %q, %s", p.Title, t.RefID), expr: variables.Replace(t.Expr), legend: t.LegendFormat})
		}
	}
	for _, a := range d.Annotations.List {
		if a.BuiltIn == 0 {
			qs = append(qs, query{where: fmt.Sprintf("annotation %q", a.Name), expr: variables.Replace(a.Expr)})
		}
	}
	for _, v := range d.Templating.List {
		if m := labelValues.FindStringSubmatch(fmt.Sprint(v.Query)); m != nil {
			qs = append(qs, query{where: "variable " + v.Name, expr: fmt.Sprintf("group by (%s) (%s)", m[2], variables.Replace(m[1]))})
		}
	}
	return qs
}

// labelValues is Grafana's own function for variables.
var labelValues = regexp.MustCompile(`label_values\((.+), *(\w+)\)`)

var usedVariable = regexp.MustCompile(`\$\{?(\w+)`)

// faults says what is wrong with the dashboard's form.
func (d *dashboard) faults() (fs []string) {
	say := func(format string, args ...any) { fs = append(fs, fmt.Sprintf(format, args...)) }
	if d.UID == "" || d.Title == "" || d.SchemaVersion < 39 {
		say("uid %q, title %q, schemaVersion %d", d.UID, d.Title, d.SchemaVersion)
	}
	known := map[string]bool{"__rate_interval": true, "__interval": true, "__range": true}
	for _, v := range d.Templating.List {
		known[v.Name] = true
		if v.Type == "query" && (v.AllValue != ".*" || !v.IncludeAll) {
			say("variable %s: a label that is missing must be matched by All, so allValue has to be .*", v.Name)
		}
	}
	for _, name := range []string{"datasource", "cluster", "namespace", "job", "instance"} {
		if !known[name] {
			say("there is no variable %s", name)
		}
	}
	ids, titles, taken, row := map[int]string{}, map[string]bool{}, map[[2]int]string{}, ""
	for _, p := range d.Panels {
		if other, twice := ids[p.ID]; twice || p.ID == 0 {
			say("panel %q has the id %d, as has %q", p.Title, p.ID, other)
		}
		ids[p.ID] = p.Title
		if p.Type == "row" {
			row = p.Title
		}
		if titles[row+p.Title] || p.Title == "" {
			say("panel %q of %q has no title of its own", p.Title, row)
		}
		titles[row+p.Title] = true
		fs = append(fs, p.place(taken)...)
		if p.Type != "row" {
			fs = append(fs, p.faults(known)...)
		}
	}
	return fs
}

// place marks the cells that the panel covers.
func (p *panel) place(taken map[[2]int]string) (fs []string) {
	g := p.GridPos
	if g.X < 0 || g.Y < 0 || g.W < 1 || g.H < 1 || g.X+g.W > 24 {
		return []string{fmt.Sprintf("panel %q is beyond the grid: %+v", p.Title, g)}
	}
	for x := g.X; x < g.X+g.W; x++ {
		for y := g.Y; y < g.Y+g.H; y++ {
			if other := taken[[2]int{x, y}]; other != "" {
				return append(fs, fmt.Sprintf("panels %q and %q overlap", other, p.Title))
			}
			taken[[2]int{x, y}] = p.Title
		}
	}
	return fs
}

func (p *panel) faults(known map[string]bool) (fs []string) {
	say := func(format string, args ...any) {
		fs = append(fs, fmt.Sprintf("panel %q: ", p.Title)+fmt.Sprintf(format, args...))
	}
	if p.FieldConfig.Defaults.Unit == "" {
		say("no unit")
	}
	if len(p.Description) < 20 {
		say("no description")
	}
	if len(p.Targets) == 0 {
		say("no query")
	}
	refs := map[string]bool{}
	for _, t := range p.Targets {
		if refs[t.RefID] || t.RefID == "" {
			say("two queries are called %q", t.RefID)
		}
		refs[t.RefID] = true
		if t.Datasource.UID != "${datasource}" {
			say("%s asks the data source %q, not the chosen one", t.RefID, t.Datasource.UID)
		}
		if t.LegendFormat == "" {
			say("%s has no legend", t.RefID)
		}
		for _, v := range usedVariable.FindAllStringSubmatch(t.Expr, -1) {
			if !known[v[1]] {
				say("%s uses the variable $%s, which isn't there", t.RefID, v[1])
			}
		}
		for _, v := range []string{"$cluster", "$namespace", "$job"} {
			if !strings.Contains(t.Expr, v) {
				say("%s doesn't ask for the chosen %s", t.RefID, v)
			}
		}
	}
	return fs
}
