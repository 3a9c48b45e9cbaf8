package machines

import (
	"bytes"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

const root = "../../../"

func TestTroubleshooting(t *testing.T) {
	o := world(t, "troubleshooting.md")
	o.Before += `; . "$LAB/cluster.sh"`
	run(t, o)
}

func read(t *testing.T, path string) string {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// TestEveryAlertHasASection: a runbook link leads somewhere, and no section is of an alert that is gone.
func TestEveryAlertHasASection(t *testing.T) {
	page := read(t, pages+"troubleshooting.md")
	alerts := map[string]bool{}
	for _, m := range regexp.MustCompile(`(?m)^ *- alert: (\w+)$`).FindAllStringSubmatch(read(t, root+"deploy/monitoring/alerts.yaml"), -1) {
		alerts[m[1]] = true
		if !strings.Contains(page, "\n### "+m[1]+"\n") {
			t.Errorf("%s has no section", m[1])
		}
	}
	if len(alerts) == 0 {
		t.Fatal("no alerts found")
	}
	for _, m := range regexp.MustCompile(`(?m)^### (.+)$`).FindAllStringSubmatch(page, -1) {
		if !alerts[m[1]] {
			t.Errorf("a section for %s, which is no alert", m[1])
		}
	}
}

// quoted are the texts in the first column of tables, and elsewhere, that Netsy or etcd's API says.
var quoted = regexp.MustCompile("(?m)^\\| `([^`]+)`[^|]*\\|")

// TestQuotedErrorsExist: what the pages quote is what the programs say.
func TestQuotedErrorsExist(t *testing.T) {
	var source bytes.Buffer
	for _, dir := range []string{"pkg", "cmd"} {
		err := filepath.WalkDir(root+dir, func(path string, e fs.DirEntry, err error) error {
			if err == nil && strings.HasSuffix(path, ".go") && !strings.HasSuffix(path, "_test.go") {
				source.WriteString(read(t, path))
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	// etcd's texts are constants of its API's module; x509's are Go's own.
	for _, path := range []string{"go.etcd.io/etcd/api/v3/v3rpc/rpctypes", "crypto/x509", "context"} {
		cmd := exec.CommandContext(t.Context(), "go", "list", "-f", "{{.Dir}}", path)
		cmd.Dir = root
		dir, err := cmd.Output()
		if err != nil {
			t.Fatalf("go list %s: %v", path, err)
		}
		files, err := filepath.Glob(strings.TrimSpace(string(dir)) + "/*.go")
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range files {
			source.WriteString(read(t, f))
		}
	}
	text := source.String()
	found := 0
	for _, m := range quoted.FindAllStringSubmatch(read(t, pages+"troubleshooting.md"), -1) {
		found++
		if !strings.Contains(text, m[1]) {
			t.Errorf("nothing says %q", m[1])
		}
	}
	if found < 25 {
		t.Errorf("only %d texts found", found)
	}
	docs := read(t, root+"docs/configuration.md")
	for _, m := range regexp.MustCompile("`([a-z]+_[a-z_]+)`").FindAllStringSubmatch(read(t, pages+"troubleshooting.md"), -1) {
		if word := m[1]; !strings.Contains(docs, "."+word+"`") && !strings.HasPrefix(word, "netsy_") && !strings.Contains(text, `"`+word+`"`) {
			t.Errorf("no event, code or setting is called %q", word)
		}
	}
}

// TestMetricsExist: the pages name metrics that there are.
func TestMetricsExist(t *testing.T) {
	metrics := read(t, root+"docs/metrics.md")
	for _, page := range []string{"troubleshooting.md", "sizing.md", "backup-restore.md", "upgrade.md", "three-vms.md"} {
		for _, name := range regexp.MustCompile(`\bnetsy_[a-z_]+`).FindAllString(read(t, pages+page), -1) {
			name = strings.TrimSuffix(strings.TrimSuffix(strings.TrimSuffix(name, "_sum"), "_count"), "_bucket")
			if !strings.Contains(metrics, "`"+name+"`") {
				t.Errorf("%s: no metric is called %s", page, name)
			}
		}
	}
}

// TestCommandsExist: every netsyctl command of the pages, also within a sentence, is one, with the flags that are given.
func TestCommandsExist(t *testing.T) {
	bin := filepath.Join(t.TempDir(), "netsyctl")
	build := exec.CommandContext(t.Context(), "go", "build", "-p", "2", "-o", bin, "./cmd/netsyctl")
	build.Dir = root
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	helps := map[string]string{}
	help := func(words []string) string {
		key := strings.Join(words, " ")
		if _, ok := helps[key]; !ok {
			out, err := exec.CommandContext(t.Context(), bin, append(words, "--help")...).CombinedOutput()
			if err != nil {
				t.Errorf("netsyctl %s --help: %v", key, err)
			}
			helps[key] = string(out)
		}
		return helps[key]
	}
	command := regexp.MustCompile("netsyctl ([a-z]+(?: [a-z]+)*)((?: +[^`|;&\n]+)?)")
	found := 0
	for _, page := range []string{"troubleshooting.md", "sizing.md", "backup-restore.md", "upgrade.md", "three-vms.md"} {
		for _, code := range regexp.MustCompile("(?s)```sh\n.*?```|`[^`\n]+`").FindAllString(read(t, pages+page), -1) {
			for _, m := range command.FindAllStringSubmatch(code, -1) {
				var words []string
				for _, w := range strings.Fields(m[1]) {
					if !strings.Contains(help(words), "\n     "+w) && !strings.Contains(help(words), "\n   "+w) && !strings.Contains(help(words), " "+w+",") {
						if strings.Contains(help(words), "COMMANDS:") {
							t.Errorf("%s: %q: no such command", page, m[0])
						}
						break // an argument
					}
					words = append(words, w)
				}
				if len(words) == 0 {
					t.Errorf("%s: %q: no such command", page, m[0])
					continue
				}
				found++
				for _, flag := range regexp.MustCompile(`--[a-z-]+|-o\b`).FindAllString(m[2], -1) {
					if !strings.Contains(help(words), flag) {
						t.Errorf("%s: netsyctl %s has no flag %s", page, strings.Join(words, " "), flag)
					}
				}
			}
		}
	}
	if found < 20 {
		t.Errorf("only %d commands found", found)
	}
}
