package monitoring

import (
	"fmt"
	"os"
	"regexp"
	"strings"
	"testing"
)

// TestAlertTable compares the table of docs/monitoring.md with the alerts.
func TestAlertTable(t *testing.T) {
	const name = root + "/docs/monitoring.md"
	whole, err := os.ReadFile(name)
	must(t, err)
	begin, end := regexp.MustCompile(`(?m)^<!-- alerts: .*-->\n`).FindIndex(whole), strings.Index(string(whole), "<!-- end -->")
	if begin == nil || end < begin[1] {
		t.Fatalf("%s: the marks around the table are gone", name)
	}
	want := alertTable(t)
	if got := string(whole[begin[1]:end]); got == want {
		return
	}
	if !*update {
		t.Fatalf("%s isn't what %s says: run go test -run TestAlertTable . -update", name, alertsFile)
	}
	must(t, os.WriteFile(name, []byte(string(whole[:begin[1]])+want+string(whole[end:])), 0o644))
}

func alertTable(t *testing.T) string {
	var b strings.Builder
	b.WriteString("\n| alert | severity | when |\n|---|---|---|\n")
	for _, r := range readRules(t, alertsFile) {
		after := "at once"
		if r.For > 0 {
			after = "for " + r.For.String()
		}
		expr := strings.ReplaceAll(regexp.MustCompile(`\s+`).ReplaceAllString(r.Expr, " "), "|", `\|`)
		fmt.Fprintf(&b, "| [%s](guides/troubleshooting.md#%s) | %s | `%s`, %s |\n", r.Alert, strings.ToLower(r.Alert), r.Labels["severity"], expr, after)
	}
	return b.String() + "\n"
}
