// Command conformance runs the Kubernetes storage test suites, unmodified, against a server under
// test: Netsy, or etcd to check the harness itself.
//
// The suites are those of k8s.io/apiserver at the version in go.mod. Only the function through
// which they start etcd is replaced, at compile time, by package testserver. Tests that are known
// to fail are named in exceptions.go; the command fails on any other failure, on an exception
// that passes, and when fewer tests ran than there are known to be.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"maps"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "conformance:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string) error {
	flags := flag.NewFlagSet("conformance", flag.ContinueOnError)
	targetName := flags.String("target", envOr("NETSY_TEST_TARGET", "netsy"), "server under test: "+targetNames())
	pattern := flags.String("run", "", "run only the tests that match, as in go test -run; then nothing is said of those that didn't run")
	count := flags.Int("count", 1, "run everything this many times")
	parallel := flags.Int("p", 2, "test packages that run at once")
	verbose := flags.Bool("v", false, "print the output of passing tests too")
	if err := flags.Parse(args); err != nil {
		return err
	}
	known, ok := targets[*targetName]
	if !ok {
		return fmt.Errorf("unknown target %q: use one of %s", *targetName, targetNames())
	}
	work, err := os.MkdirTemp("", "netsy-conformance-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(work)
	server := filepath.Join(work, "server")
	if err := build(ctx, known, server); err != nil {
		return err
	}
	tree, err := copyUpstream(ctx)
	if err != nil {
		return err
	}
	modfile, err := writeModfile(ctx, tree, work)
	if err != nil {
		return err
	}
	overlay, err := writeOverlay(tree, work)
	if err != nil {
		return err
	}
	started := time.Now()
	results, testErr := runSuites(ctx, suiteOptions{
		modfile: modfile, overlay: overlay, server: server, suites: known.suites, serverArgs: known.args, pattern: *pattern, count: *count, parallel: *parallel, verbose: *verbose,
	})
	least := known.least
	if *pattern != "" {
		least = 0
	}
	verdict := judge(results, known.exceptions, least)
	fmt.Printf("%s: %s in %s\n", *targetName, verdict.summary, time.Since(started).Round(time.Second))
	if verdict.err == nil && testErr != nil && len(verdict.excepted) == 0 {
		return fmt.Errorf("every test passed, yet go test failed: %w", testErr)
	}
	return errors.Join(verdict.err, ctx.Err())
}

func targetNames() string { return strings.Join(slices.Sorted(maps.Keys(targets)), ", ") }

func envOr(name, fallback string) string {
	if v := os.Getenv(name); v != "" {
		return v
	}
	return fallback
}
