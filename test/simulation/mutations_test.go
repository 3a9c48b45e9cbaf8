package simulation

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"
)

var mutations = flag.String("mutations", "", "run the mutations whose names match this regular expression, instead of nothing")

// TestMutations proves that the simulation would notice: each patch in
// testdata/mutations takes one safety rule out of the product, and the worlds that it
// names must find that out. A patch begins with the rule in words and a line
//
//	Run: flags of TestSwarm
//
// It is applied to a copy of the tree, so the product has no hooks for it.
func TestMutations(t *testing.T) {
	if *mutations == "" {
		t.Skip("takes minutes; make simulate-mutations runs it")
	}
	wanted := regexp.MustCompile(*mutations)
	patches, err := filepath.Glob("testdata/mutations/*.patch")
	if err != nil || len(patches) == 0 {
		t.Fatalf("no patches: %v", err)
	}
	tree := copyTree(t)
	for _, patch := range patches {
		name := strings.TrimSuffix(filepath.Base(patch), ".patch")
		if !wanted.MatchString(name) {
			continue
		}
		patch, err := filepath.Abs(patch)
		if err != nil {
			t.Fatal(err)
		}
		t.Run(name, func(t *testing.T) {
			command(t, tree, "git", "apply", patch)
			defer command(t, tree, "git", "apply", "-R", patch)
			bin := filepath.Join(t.TempDir(), "mutant.test")
			command(t, tree, "go", "test", "-c", "-o", bin, "./test/simulation")
			began := time.Now()
			fault := mutant(t, bin, runFlags(t, patch))
			if fault == "" {
				t.Fatal("survived")
			}
			t.Logf("caught in %v: %s", time.Since(began).Round(time.Second), fault)
		})
	}
}

// runFlags is what a patch says of how to find it out.
func runFlags(t *testing.T, patch string) []string {
	b, err := os.ReadFile(patch)
	if err != nil {
		t.Fatal(err)
	}
	m := regexp.MustCompile(`(?m)^Run: (.*)$`).FindSubmatch(b)
	if m == nil {
		t.Fatalf("%s has no line \"Run: flags\"", patch)
	}
	return strings.Fields(string(m[1]))
}

// faultLine is how simulate reports what the judge found. A panic is found out, too.
var faultLine = regexp.MustCompile(`(?m)fault: .*|^panic: .*|^fatal error: .*`)

// mutant lives through the worlds and returns the first fault that was found; empty if
// there was none.
func mutant(t *testing.T, bin string, flags []string) string {
	ctx, cancel := context.WithTimeout(t.Context(), mutantTimeout)
	defer cancel()
	c := exec.CommandContext(ctx, bin, append([]string{"-test.run", "^TestSwarm$", "-test.timeout", "0", "-disks", diskDir(t)}, flags...)...)
	c.Dir = t.TempDir()
	out, err := c.CombinedOutput()
	var exit *exec.ExitError
	switch found := faultLine.Find(out); {
	case err == nil:
		return ""
	case errors.As(err, &exit) && found != nil:
		seed := regexp.MustCompile(`simulation: seed \d+`).FindAll(out, -1)
		return fmt.Sprintf("%s: %.300s", seed[len(seed)-1], found)
	default:
		t.Fatalf("neither passed nor failed: %v\n%s", err, out)
		return ""
	}
}

// mutantTimeout is far beyond what any patch asks for.
const mutantTimeout = 30 * time.Minute

// copyTree copies the module as it is in the working tree.
func copyTree(t *testing.T) string {
	root := strings.TrimSpace(command(t, ".", "go", "list", "-m", "-f", "{{.Dir}}"))
	tree := t.TempDir()
	files := command(t, root, "git", "ls-files", "-z", "--cached", "--others", "--exclude-standard", "go.mod", "go.sum", "pkg", "test/simulation", "test/internal")
	for _, name := range strings.Split(strings.TrimRight(files, "\x00"), "\x00") {
		if err := copyFile(filepath.Join(root, name), filepath.Join(tree, name)); err != nil {
			t.Fatal(err)
		}
	}
	return tree
}

func copyFile(from, to string) error {
	src, err := os.Open(from)
	if errors.Is(err, os.ErrNotExist) {
		return nil // removed, and not yet committed
	}
	if err != nil {
		return err
	}
	defer src.Close()
	if err := os.MkdirAll(filepath.Dir(to), 0o755); err != nil {
		return err
	}
	dst, err := os.Create(to)
	if err != nil {
		return err
	}
	_, err = io.Copy(dst, src)
	return errors.Join(err, dst.Close())
}

// command runs a command to its end and returns what it says.
func command(t *testing.T, dir, name string, args ...string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), mutantTimeout)
	defer cancel()
	c := exec.CommandContext(ctx, name, args...)
	c.Dir = dir
	var out, errs bytes.Buffer
	c.Stdout, c.Stderr = &out, &errs
	if err := c.Run(); err != nil {
		t.Fatalf("%s %s: %v\n%s%s", name, strings.Join(args, " "), err, out.Bytes(), errs.Bytes())
	}
	return out.String()
}
