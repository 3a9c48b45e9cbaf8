package netsyctl

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"go.uber.org/goleak"
)

// asNetsyctl makes the test's own binary the program.
const asNetsyctl = "NETSYCTL_TEST_AS_PROGRAM"

func TestMain(m *testing.M) {
	if os.Getenv(asNetsyctl) != "" {
		err := App().RunContext(context.Background(), os.Args)
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
		}
		os.Exit(ExitStatus(err))
	}
	// What is set around the tests is not theirs.
	for _, name := range []string{"NETSY_CONFIG", "NETSY_CONTEXT", "NETSY_TLS_CA", "NETSY_TLS_CERT", "NETSY_TLS_KEY"} {
		os.Unsetenv(name)
	}
	os.Setenv("NETSY_CONTEXTS", os.DevNull+".none")
	goleak.VerifyTestMain(m)
}

// bash itself completes command lines with the script.
func TestBashCompletion(t *testing.T) {
	bash, err := exec.LookPath("bash")
	if err != nil {
		t.Skip("no bash here")
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	program := fmt.Sprintf("#!%s\nexport %s=1\nexec %q \"$@\"\n", bash, asNetsyctl, self)
	if err := os.WriteFile(filepath.Join(dir, "netsyctl"), []byte(program), 0o755); err != nil {
		t.Fatal(err)
	}
	for line, want := range map[string][]string{
		"netsyctl sna":                      {"snapshot"},
		"netsyctl snapshot ":                {"create", "list", "verify"},
		"netsyctl snapshot list --con":      {"--config", "--context"},
		"netsyctl completion ":              {"bash", "fish", "zsh"},
		"netsyctl config validate cluster.": nil,
	} {
		words := strings.Split(line, " ")
		script := fmt.Sprintf("source <(netsyctl completion bash)\nCOMP_WORDS=(%s)\nCOMP_CWORD=%d\n_netsyctl\nprintf '%%s\\n' \"${COMPREPLY[@]}\" | sort", quoteAll(words), len(words)-1)
		cmd := exec.CommandContext(t.Context(), bash, "--norc", "-c", script)
		cmd.Env = append(os.Environ(), "PATH="+dir+":"+os.Getenv("PATH"))
		out, err := cmd.CombinedOutput()
		if got := strings.Fields(string(out)); err != nil || strings.Join(got, " ") != strings.Join(want, " ") {
			t.Errorf("%q: %v: %q, want %q", line, err, out, want)
		}
	}
}

func quoteAll(words []string) string {
	var b strings.Builder
	for _, w := range words {
		fmt.Fprintf(&b, "'%s' ", w)
	}
	return b.String()
}

func TestCompletionScripts(t *testing.T) {
	if out := mustRun(t, "completion", "zsh"); !strings.HasPrefix(out, "#compdef netsyctl\n") {
		t.Errorf("got\n%s", out)
	}
	if out := mustRun(t, "completion", "fish"); !strings.Contains(out, "complete -c netsyctl") || !strings.Contains(out, "snapshot") {
		t.Errorf("got\n%s", out)
	}
	if _, err := run(t, "completion", "tcsh"); ExitStatus(err) != exitUnjudged {
		t.Error(err)
	}
}
