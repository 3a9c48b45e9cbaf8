package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
)

// target is a server that the suites can run against.
type target struct {
	dir, pkg   string // package of the server's command, and the directory to build it in
	exceptions []exception
}

var targets = map[string]target{
	"netsy": {dir: "../..", pkg: "./test/devserver", exceptions: netsyExceptions},
	"etcd":  {dir: ".", pkg: "./etcdserver"},
}

// build compiles the server's command to the file out.
func build(ctx context.Context, t target, out string) error {
	cmd := exec.CommandContext(ctx, "go", "build", "-o", out, t.pkg)
	cmd.Dir = t.dir
	cmd.Stdout, cmd.Stderr = os.Stderr, os.Stderr
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("build %s: %w", t.pkg, err)
	}
	return nil
}
