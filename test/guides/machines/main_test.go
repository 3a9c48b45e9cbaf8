package machines

import (
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/netsy-io/netsy/test/guides/guide"
)

const pages = "../../../docs/guides/"

// tools are built once for all guides, into a directory that main removes.
var tools = sync.OnceValues(func() (string, error) {
	if dir := os.Getenv("LAB_TOOLS"); dir != "" {
		return dir, nil // as tools.sh has made it
	}
	dir, err := os.MkdirTemp("", "guides")
	if err != nil {
		return "", err
	}
	made = dir
	cmd := exec.Command("lab/tools.sh", dir)
	cmd.Stderr = os.Stderr
	return dir, cmd.Run()
})

var made string

func TestMain(m *testing.M) {
	status := m.Run()
	if made != "" {
		_ = os.RemoveAll(made)
	}
	os.Exit(status)
}

// world is what a page about machines finds.
func world(t *testing.T, page string) guide.Options {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("only root can make machines of namespaces")
	}
	dir, err := tools()
	if err != nil {
		t.Fatalf("lab/tools.sh: %v", err)
	}
	lab, err := filepath.Abs("lab")
	if err != nil {
		t.Fatal(err)
	}
	limit := 10 * time.Minute
	if s := os.Getenv("GUIDES_TIMEOUT"); s != "" { // while a page is being written
		if limit, err = time.ParseDuration(s); err != nil {
			t.Fatal(err)
		}
	}
	return guide.Options{
		Page: pages + page, Env: []string{"LAB=" + lab, "LAB_TOOLS=" + dir}, Before: `. "$LAB/lab.sh"`, Timeout: limit,
	}
}

// run runs a page; GUIDES_OUTPUT is a directory for what was printed, to be shown in pages.
func run(t *testing.T, o guide.Options) {
	t.Helper()
	output := guide.Run(t, o)
	if dir := os.Getenv("GUIDES_OUTPUT"); dir != "" {
		if err := os.WriteFile(filepath.Join(dir, t.Name()+".txt"), []byte(output), 0o600); err != nil {
			t.Error(err)
		}
	}
}
