package deploy

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

const (
	root      = "../.."
	chartDir  = root + "/deploy/helm/netsy"
	namespace = "storage"
	release   = "prod"
)

var programs = []string{"netsy-node", "netsy-elector", "netsy-compactor", "netsyctl"}

// binaries is the directory of the programs, built as everybody builds them.
var binaries string

func TestMain(m *testing.M) {
	code, err := run(m)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		code = 1
	}
	os.Exit(code)
}

func run(m *testing.M) (int, error) {
	var err error
	if binaries, err = os.MkdirTemp("", "netsy-deploy-"); err != nil {
		return 1, err
	}
	defer os.RemoveAll(binaries)
	args := []string{"build", "-p", "2", "-o", binaries + "/"}
	for _, p := range programs {
		args = append(args, "./cmd/"+p)
	}
	build := exec.Command("go", args...)
	build.Dir = root
	if out, err := build.CombinedOutput(); err != nil {
		return 1, fmt.Errorf("%v: %w\n%s", build.Args, err, out)
	}
	return m.Run(), nil
}

// command is one of the programs with an environment of its own alone.
func command(env []string, program string, args ...string) *exec.Cmd {
	cmd := exec.Command(filepath.Join(binaries, program), args...)
	cmd.Env = env
	return cmd
}

// mustRun runs a program that must succeed.
func mustRun(t *testing.T, env []string, program string, args ...string) string {
	t.Helper()
	out, err := command(env, program, args...).CombinedOutput()
	if err != nil {
		t.Fatalf("%s %s: %v\n%s\nenvironment: %s", program, strings.Join(args, " "), err, out, strings.Join(env, " "))
	}
	return string(out)
}

// exampleNames lists the chart's values examples.
func exampleNames(t *testing.T) []string {
	t.Helper()
	files, err := filepath.Glob(chartDir + "/ci/*.yaml")
	if err != nil || len(files) < 5 {
		t.Fatalf("the chart's examples: %v, %v", files, err)
	}
	slices.Sort(files)
	return files
}

func check(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
