package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
)

const upstreamModule = "k8s.io/apiserver"

// The packages whose tests run.
var (
	etcd3Suites = []string{upstreamModule + "/pkg/storage/etcd3/..."}
	allSuites   = append(etcd3Suites, upstreamModule+"/pkg/storage/cacher/...")
)

// How many tests, subtests apart, the suites of this version have: fewer means that a suite was
// lost on the way, which would pass unnoticed otherwise.
const (
	etcd3Tests = 86
	allTests   = 190
)

// module is what `go mod download -json` says of one.
type module struct{ Path, Version, Dir string }

// copyUpstream puts a copy of the upstream module, at the version in go.mod, into the user's cache
// directory, unless it is there, and returns its path. The go command takes no overlay over its
// module cache. The path is the same each time, so that what was compiled is found again.
func copyUpstream(ctx context.Context) (string, error) {
	m, err := downloadModule(ctx)
	if err != nil {
		return "", err
	}
	cache, err := os.UserCacheDir()
	if err != nil {
		return "", err
	}
	parent := filepath.Join(cache, "netsy-conformance")
	tree := filepath.Join(parent, "apiserver@"+m.Version)
	if _, err := os.Stat(tree); err == nil {
		return tree, nil
	}
	if err := os.MkdirAll(parent, 0o755); err != nil {
		return "", err
	}
	partial, err := os.MkdirTemp(parent, "partial-")
	if err != nil {
		return "", err
	}
	defer os.RemoveAll(partial)
	if err := os.CopyFS(filepath.Join(partial, "tree"), os.DirFS(m.Dir)); err != nil {
		return "", fmt.Errorf("copy %s from the module cache: %w", upstreamModule, err)
	}
	if err := os.Rename(filepath.Join(partial, "tree"), tree); err != nil {
		return "", fmt.Errorf("copy %s from the module cache: %w", upstreamModule, err)
	}
	return tree, nil
}

// downloadModule finds the upstream module in the module cache, verified against go.sum.
func downloadModule(ctx context.Context) (module, error) {
	var m module
	cmd := exec.CommandContext(ctx, "go", "mod", "download", "-json", upstreamModule)
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	if err != nil {
		return m, fmt.Errorf("download %s: %w", upstreamModule, err)
	}
	if err := json.Unmarshal(out, &m); err != nil {
		return m, fmt.Errorf("download %s: %w", upstreamModule, err)
	}
	return m, nil
}

// writeModfile writes into dir a copy of go.mod, and of go.sum, in which the upstream module is
// the one at tree. It returns the file's path.
func writeModfile(ctx context.Context, tree, dir string) (string, error) {
	path := filepath.Join(dir, "go.mod")
	for _, name := range []string{"go.mod", "go.sum"} {
		text, err := os.ReadFile(name)
		if err != nil {
			return "", fmt.Errorf("run this in test/conformance: %w", err)
		}
		if err := os.WriteFile(filepath.Join(dir, name), text, 0o600); err != nil {
			return "", err
		}
	}
	cmd := exec.CommandContext(ctx, "go", "mod", "edit", "-replace", upstreamModule+"="+tree, path)
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("replace %s in a copy of go.mod: %w: %s", upstreamModule, err, out)
	}
	return path, nil
}
