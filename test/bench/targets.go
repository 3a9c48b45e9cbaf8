package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// serveArg makes this program one of the servers: serve KIND DIR MEMBERS.
const serveArg = "serve"

// kind is a kind of target.
type kind struct {
	name, base, what string
	start            func(ctx context.Context, b *builds, k kind, dir string) (*target, error)
}

// kinds are the targets there are, in the order of the tables. Each is compared with
// etcd of as many members.
var kinds = []kind{
	{noopName, "etcd", "answers the etcd API from nothing: what gRPC and TLS allow", self(noopName, 1)},
	{"etcd", "etcd", "etcd, one member", self("etcd", 1)},
	{kineName, "etcd", "kine on SQLite", kine},
	{"netsy", "etcd", "Netsy, one node on a directory", netsy(1, false)},
	{"netsy-s3", "etcd", "Netsy, one node on an S3 server", netsy(1, true)},
	{"etcd-3", "etcd-3", "etcd, three members", self("etcd", 3)},
	{"netsy-3", "etcd-3", "Netsy, three nodes that acknowledge by quorum, on a directory", netsy(3, false)},
	{"netsy-3-s3", "etcd-3", "Netsy, three nodes that acknowledge by quorum, on an S3 server", netsy(3, true)},
}

// self starts this program as a server.
func self(server string, members int) func(context.Context, *builds, kind, string) (*target, error) {
	return func(_ context.Context, b *builds, k kind, dir string) (*target, error) {
		return start(k, exec.Command(b.self, serveArg, server, dir, strconv.Itoa(members)))
	}
}

func netsy(nodes int, onS3 bool) func(context.Context, *builds, kind, string) (*target, error) {
	return func(ctx context.Context, b *builds, k kind, dir string) (*target, error) {
		cmd := exec.Command(b.devserver, "-dir", dir, "-log-level", "warn", "-pprof", "-nodes", strconv.Itoa(nodes))
		if b.contention {
			cmd.Args = append(cmd.Args, "-contention")
		}
		if !onS3 {
			return start(k, cmd)
		}
		gw, err := b.s3(ctx)
		if err != nil {
			return nil, err
		}
		name := filepath.Base(dir)
		bucket, err := gw.bucket(name)
		if err != nil {
			return nil, err
		}
		cmd.Args = append(cmd.Args, "-s3", gw.url, "-bucket", name)
		cmd.Env = append(os.Environ(), gw.env()...)
		t, err := start(k, cmd)
		if err == nil {
			t.also, t.bucket = []int{gw.proc.cmd.Process.Pid}, bucket
		}
		return t, err
	}
}

// fresh starts a target with nothing in it; end ends it and removes what it kept.
func (b *builds) fresh(ctx context.Context, k kind) (*target, error) {
	say("starting %s: %s", k.name, k.what)
	b.started++
	dir := filepath.Join(b.dir, fmt.Sprintf("%s-%d", k.name, b.started))
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, err
	}
	t, err := k.start(ctx, b, k, dir)
	if t != nil {
		t.dir = dir
	}
	return t, err
}

func (t *target) end() {
	if err := t.stop(); err != nil {
		say("stopping %s: %v", t.name, err)
	}
	for _, dir := range []string{t.dir, t.bucket} {
		if dir == "" {
			continue
		}
		if err := os.RemoveAll(dir); err != nil {
			say("removing the data of %s: %v", t.name, err)
		}
	}
}

// startAll starts the named targets, or all.
func startAll(ctx context.Context, b *builds, names []string) (ts []*target, err error) {
	for _, k := range chosen(names) {
		t, err := b.fresh(ctx, k)
		if err != nil {
			return ts, err
		}
		ts = append(ts, t)
	}
	return ts, nil
}

func endAll(ts []*target) {
	for _, t := range ts {
		t.end()
	}
}

// chosen are the kinds that are named, or all.
func chosen(names []string) (ks []kind) {
	for _, k := range kinds {
		if contains(names, k.name) {
			ks = append(ks, k)
		}
	}
	return ks
}

func kindNames() (names []string) {
	for _, k := range kinds {
		names = append(names, k.name)
	}
	return names
}

// checkNames says which of the names there isn't.
func checkNames(flag string, names, known []string) error {
	for _, n := range names {
		if !slices.Contains(known, n) {
			return fmt.Errorf("-%s: there is no %q; there are %s", flag, n, strings.Join(known, ", "))
		}
	}
	return nil
}
