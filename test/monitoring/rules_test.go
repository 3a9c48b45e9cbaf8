package monitoring

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/prometheus/prometheus/model/rulefmt"
	"go.yaml.in/yaml/v3"
)

// promtoolDir is removed by TestMain.
var promtoolDir string

// promtool builds Prometheus' own tool, of the version in go.mod, without the clouds that it could ask
// for targets, and returns its path.
var promtool = sync.OnceValues(func() (string, error) {
	dir, err := os.MkdirTemp("", "promtool")
	if err != nil {
		return "", err
	}
	promtoolDir = dir
	path := filepath.Join(dir, "promtool")
	cmd := exec.Command("go", "build", "-tags", "remove_all_sd", "-o", path, "github.com/prometheus/prometheus/cmd/promtool")
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("%v: %w\n%s", cmd.Args, err, out)
	}
	return path, nil
})

func runPromtool(t testing.TB, args ...string) (string, error) {
	t.Helper()
	path, err := promtool()
	must(t, err)
	out, err := exec.Command(path, args...).CombinedOutput()
	return string(out), err
}

func TestRuleFiles(t *testing.T) {
	if out, err := runPromtool(t, "check", "rules", "--lint=all", "--lint-fatal", alertsFile); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
	if out, err := runPromtool(t, "check", "config", "--lint=all", "--lint-fatal", promFile); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
}

// TestRules runs Prometheus' own rule tests.
func TestRules(t *testing.T) {
	if out, err := runPromtool(t, append([]string{"test", "rules"}, ruleTestFiles(t)...)...); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
}

func ruleTestFiles(t testing.TB) []string {
	t.Helper()
	files, err := filepath.Glob(ruleTests + "/*.yaml")
	must(t, err)
	if len(files) < 5 {
		t.Fatalf("only %d files of rule tests", len(files))
	}
	return files
}

// alertKey is an alert of a severity: the same name may be there for two.
type alertKey struct{ name, severity string }

func keyOf(r rulefmt.Rule) alertKey { return alertKey{r.Alert, r.Labels["severity"]} }

// covered says for each alert how often the tests see it fire, and how often not.
func covered(t testing.TB, alerts []rulefmt.Rule) (fires, doesnt map[alertKey]int) {
	t.Helper()
	fires, doesnt = map[alertKey]int{}, map[alertKey]int{}
	for _, file := range ruleTestFiles(t) {
		b, err := os.ReadFile(file)
		must(t, err)
		var f struct {
			Tests []struct {
				Alerts []struct {
					Name string `yaml:"alertname"`
					Exp  []struct {
						Labels map[string]string `yaml:"exp_labels"`
					} `yaml:"exp_alerts"`
				} `yaml:"alert_rule_test"`
			}
		}
		must(t, yaml.Unmarshal(b, &f))
		for _, test := range f.Tests {
			for _, a := range test.Alerts {
				seen := map[alertKey]bool{}
				for _, e := range a.Exp {
					seen[alertKey{a.Name, e.Labels["severity"]}] = true
				}
				for _, r := range alerts {
					if k := keyOf(r); k.name == a.Name && seen[k] {
						fires[k]++
					} else if k.name == a.Name {
						doesnt[k]++
					}
				}
			}
		}
	}
	return fires, doesnt
}

// TestEveryAlertIsTested: each fires in some test, and doesn't in another.
func TestEveryAlertIsTested(t *testing.T) {
	alerts := readRules(t, alertsFile)
	fires, doesnt := covered(t, alerts)
	seen := map[alertKey]bool{}
	for _, r := range alerts {
		k := keyOf(r)
		if r.Alert == "" {
			t.Errorf("%s is a recording rule: the tests don't know any", r.Record)
		}
		if seen[k] {
			t.Errorf("%s of severity %s is there twice", k.name, k.severity)
		}
		seen[k] = true
		if fires[k] == 0 || doesnt[k] == 0 {
			t.Errorf("%s (%s): fires in %d tests, doesn't in %d", k.name, k.severity, fires[k], doesnt[k])
		}
	}
}

const runbook = "https://github.com/netsy-io/netsy/blob/main/docs/guides/troubleshooting.md#"

// TestAlertForm: what somebody who is woken up needs is there.
func TestAlertForm(t *testing.T) {
	for _, r := range readRules(t, alertsFile) {
		a := r.Annotations
		if s := r.Labels["severity"]; s != "warning" && s != "critical" {
			t.Errorf("%s: severity %q", r.Alert, s)
		}
		if !strings.HasPrefix(r.Alert, "Netsy") || a["summary"] == "" || len(a["description"]) < 60 {
			t.Errorf("%s: summary %q, description %q", r.Alert, a["summary"], a["description"])
		}
		if want := runbook + strings.ToLower(r.Alert); a["runbook_url"] != want {
			t.Errorf("%s: runbook_url %q, want %q", r.Alert, a["runbook_url"], want)
		}
	}
}

// TestRunbooks: every alert has its section in the guide.
func TestRunbooks(t *testing.T) {
	const guide = root + "/docs/guides/troubleshooting.md"
	b, err := os.ReadFile(guide)
	must(t, err)
	anchors := anchorsOf(string(b))
	for _, r := range readRules(t, alertsFile) {
		if !slices.Contains(anchors, strings.ToLower(r.Alert)) {
			t.Errorf("%s has no section %s", guide, r.Alert)
		}
	}
}

// anchorsOf a page: of headings, as GitHub makes them, and those written out.
func anchorsOf(page string) (names []string) {
	for _, m := range regexp.MustCompile(`(?m)^#+ (.+)$`).FindAllStringSubmatch(page, -1) {
		name := regexp.MustCompile(`[^a-z0-9 _-]`).ReplaceAllString(strings.ToLower(m[1]), "")
		names = append(names, strings.ReplaceAll(name, " ", "-"))
	}
	for _, m := range regexp.MustCompile(`<a (?:id|name)="([^"]+)">`).FindAllStringSubmatch(page, -1) {
		names = append(names, m[1])
	}
	return names
}

// TestRuleMutations: an alert that never fires, or always, or names a metric that isn't there, fails
// its tests.
func TestRuleMutations(t *testing.T) {
	if testing.Short() {
		t.Skip("runs promtool for each mutation")
	}
	whole, err := os.ReadFile(alertsFile)
	must(t, err)
	for i, r := range readRules(t, alertsFile) {
		metric := regexp.MustCompile(`\b(netsy|grpc)_[a-z_]+|\bup\b`).FindString(r.Expr)
		for what, expr := range map[string]string{
			"never": "vector(0) > 1", "always": "vector(1)", "renamed": strings.ReplaceAll(r.Expr, metric, metric+"_x"),
		} {
			if testsPass(t, whole, i, expr) {
				t.Errorf("%s (%s), %s: its tests pass with %s", r.Alert, r.Labels["severity"], what, expr)
			}
		}
		if r.For > 0 && testsPassWithout(t, whole, i) {
			t.Errorf("%s (%s): its tests pass without for", r.Alert, r.Labels["severity"])
		}
	}
}

// testsPass reports whether the rule tests pass when the i-th rule has another expression.
func testsPass(t testing.TB, whole []byte, i int, expr string) bool {
	return testsPassAfter(t, whole, i, func(r *rulefmt.Rule) { r.Expr = expr })
}

func testsPassWithout(t testing.TB, whole []byte, i int) bool {
	return testsPassAfter(t, whole, i, func(r *rulefmt.Rule) { r.For = 0 })
}

// testsPassAfter runs those tests alone that ask for the alert, with its rules alone.
func testsPassAfter(t testing.TB, whole []byte, i int, change func(*rulefmt.Rule)) bool {
	t.Helper()
	var groups rulefmt.RuleGroups
	must(t, yaml.Unmarshal(whole, &groups))
	var all []*rulefmt.Rule
	for g := range groups.Groups {
		for r := range groups.Groups[g].Rules {
			all = append(all, &groups.Groups[g].Rules[r])
		}
	}
	change(all[i])
	name := all[i].Alert
	for g := range groups.Groups {
		groups.Groups[g].Rules = slices.DeleteFunc(groups.Groups[g].Rules, func(r rulefmt.Rule) bool { return r.Alert != name })
	}
	dir := t.TempDir()
	write(t, filepath.Join(dir, "alerts.yaml"), groups)
	must(t, os.Mkdir(filepath.Join(dir, "tests"), 0o700))
	args := []string{"test", "rules"}
	for _, file := range ruleTestFiles(t) {
		b, err := os.ReadFile(file)
		must(t, err)
		var f map[string]any
		must(t, yaml.Unmarshal(b, &f))
		tests := slices.DeleteFunc(f["tests"].([]any), func(test any) bool { return !asksFor(test, name) })
		if f["tests"] = tests; len(tests) > 0 {
			args = append(args, filepath.Join(dir, "tests", filepath.Base(file)))
			write(t, args[len(args)-1], f)
		}
	}
	_, err := runPromtool(t, args...)
	return err == nil
}

// asksFor leaves in a test what it says about an alert, and says whether there is any.
func asksFor(test any, name string) bool {
	m := test.(map[string]any)
	asked := slices.DeleteFunc(m["alert_rule_test"].([]any), func(a any) bool { return a.(map[string]any)["alertname"] != name })
	m["alert_rule_test"] = asked
	return len(asked) > 0
}

func write(t testing.TB, file string, document any) {
	t.Helper()
	b, err := yaml.Marshal(document)
	must(t, err)
	must(t, os.WriteFile(file, b, 0o600))
}
