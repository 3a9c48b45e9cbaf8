package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
)

// target is a server that the suites can run against.
type target struct {
	dir, pkg   string   // package of the server's command, and the directory to build it in
	args       []string // of the command
	suites     []string // packages whose tests run
	least      int      // how many tests those have
	exceptions []exception
}

var targets = map[string]target{
	"netsy": {dir: "../..", pkg: "./test/devserver", suites: allSuites, least: allTests, exceptions: netsyExceptions},
	// All that a client says to a node that isn't the Primary is forwarded, and all that it watches
	// is what that node follows. The other suites would add little: they test the cache above.
	"netsy-replica": {
		dir: "../..", pkg: "./test/devserver", args: []string{"--nodes", "3", "--replica"},
		suites: etcd3Suites, least: etcd3Tests, exceptions: netsyExceptions,
	},
	"netsy-three": {
		dir: "../..", pkg: "./test/devserver", args: []string{"--nodes", "3"},
		suites: allSuites, least: allTests, exceptions: netsyExceptions,
	},
	"etcd": {dir: ".", pkg: "./etcdserver", suites: allSuites, least: allTests},
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
