package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

// builds is the programs that the targets are, and what they share.
type builds struct {
	dir       string // of everything
	self      string
	devserver string

	gateway *gateway
	tools   map[string]string // paths by name
	started int               // how many targets have been

	contention bool // Netsy notes waiting for locks and channels, too
}

// build builds what the named targets need.
func build(ctx context.Context, dir string) (*builds, error) {
	b := &builds{dir: dir, devserver: filepath.Join(dir, "devserver"), tools: map[string]string{}}
	var err error
	if b.self, err = os.Executable(); err != nil {
		return nil, err
	}
	return b, b.netsy(ctx, "./test/devserver")
}

// netsy builds main packages of Netsy's into the directory.
func (b *builds) netsy(ctx context.Context, packages ...string) error {
	say("building %s", strings.Join(packages, " "))
	cmd := exec.CommandContext(ctx, "go", append([]string{"build", "-tags", "disable_grpc_modules", "-o", b.dir + "/"}, packages...)...) // as released
	cmd.Dir, cmd.Stderr = "../..", os.Stderr
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("building Netsy: %w", err)
	}
	return nil
}

// tool has a pinned tool of a module built, once, into go's own cache, and returns its path.
func (b *builds) tool(ctx context.Context, module, name string) (string, error) {
	if path := b.tools[name]; path != "" {
		return path, nil
	}
	say("building %s", name)
	cmd := exec.CommandContext(ctx, "go", "tool", "-n", name)
	var stderr bytes.Buffer
	cmd.Dir, cmd.Stderr = module, &stderr
	out, err := cmd.Output()
	if err != nil {
		return "", fmt.Errorf("go tool %s in %s: %w\n%s", name, module, err, stderr.Bytes())
	}
	b.tools[name] = strings.TrimSpace(string(out))
	return b.tools[name], nil
}

func (b *builds) close() {
	if b.gateway != nil {
		b.gateway.stop()
	}
}

// gateway is a real S3 server over a directory, shared by the targets that need one.
type gateway struct {
	proc *process
	url  string
	root string
}

const (
	gatewayAccess, gatewaySecret = "netsy-bench", "netsy-bench-secret"
	gatewayRegion                = "us-east-1"
)

func (g *gateway) env() []string {
	return []string{"AWS_ACCESS_KEY_ID=" + gatewayAccess, "AWS_SECRET_ACCESS_KEY=" + gatewaySecret, "AWS_REGION=" + gatewayRegion}
}

// s3 is the S3 server, started when it is first needed.
func (b *builds) s3(ctx context.Context) (*gateway, error) {
	if b.gateway != nil {
		return b.gateway, nil
	}
	bin, err := b.tool(ctx, "../objectstore", "versitygw")
	if err != nil {
		return nil, err
	}
	addr, err := freeAddr()
	if err != nil {
		return nil, err
	}
	g := &gateway{root: filepath.Join(b.dir, "s3"), url: "http://" + addr}
	if err := os.MkdirAll(g.root, 0o755); err != nil {
		return nil, err
	}
	cmd := exec.Command(bin, "--quiet", "--keep-alive", "--port", addr, "--access", gatewayAccess, "--secret", gatewaySecret, "--region", gatewayRegion, "posix", g.root)
	cmd.Stderr = progress
	if g.proc, err = launch(cmd, interrupt{cmd}); err != nil {
		return nil, err
	}
	b.gateway = g
	return g, awaitListening(ctx, addr)
}

// bucket makes a bucket, and returns its directory.
func (g *gateway) bucket(name string) (dir string, err error) {
	dir = filepath.Join(g.root, name)
	return dir, os.MkdirAll(dir, 0o755)
}

func (g *gateway) stop() {
	g.proc.cmd.Process.Kill()
	<-g.proc.ended
}

func freeAddr() (string, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	defer l.Close()
	return l.Addr().String(), nil
}

// awaitListening waits until somebody listens: a server of others says nothing.
func awaitListening(ctx context.Context, addr string) error {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	for {
		var d net.Dialer
		c, err := d.DialContext(ctx, "tcp", addr)
		if err == nil {
			return c.Close()
		}
		if ctx.Err() != nil {
			return fmt.Errorf("nobody listens on %s: %w", addr, errors.Join(err, context.Cause(ctx)))
		}
		time.Sleep(20 * time.Millisecond)
	}
}
