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
}

// build builds what the named targets need.
func build(ctx context.Context, dir string) (*builds, error) {
	b := &builds{dir: dir, devserver: filepath.Join(dir, "devserver")}
	var err error
	if b.self, err = os.Executable(); err != nil {
		return nil, err
	}
	say("building Netsy")
	cmd := exec.CommandContext(ctx, "go", "build", "-o", b.devserver, "./test/devserver")
	cmd.Dir, cmd.Stderr = "../..", os.Stderr
	if err := cmd.Run(); err != nil {
		return nil, fmt.Errorf("building Netsy: %w", err)
	}
	return b, nil
}

// tool has a pinned tool of a module built, into go's own cache, and returns its path.
func tool(ctx context.Context, module, name string) (string, error) {
	say("building %s", name)
	cmd := exec.CommandContext(ctx, "go", "tool", "-n", name)
	var stderr bytes.Buffer
	cmd.Dir, cmd.Stderr = module, &stderr
	out, err := cmd.Output()
	if err != nil {
		return "", fmt.Errorf("go tool %s in %s: %w\n%s", name, module, err, stderr.Bytes())
	}
	return strings.TrimSpace(string(out)), nil
}

func (b *builds) close() {
	if b.gateway != nil {
		b.gateway.stop()
	}
}

// gateway is a real S3 server over a directory, shared by the targets that need one.
type gateway struct {
	cmd  *exec.Cmd
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

func (b *builds) bucket(ctx context.Context) (*gateway, error) {
	if b.gateway != nil {
		return b.gateway, nil
	}
	bin, err := tool(ctx, "../objectstore", "versitygw")
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
	g.cmd = exec.Command(bin, "--quiet", "--port", addr, "--access", gatewayAccess, "--secret", gatewaySecret, "--region", gatewayRegion, "posix", g.root)
	g.cmd.Stderr = progress
	if err := g.cmd.Start(); err != nil {
		return nil, err
	}
	b.gateway = g
	return g, awaitListening(ctx, addr)
}

func (g *gateway) stop() {
	g.cmd.Process.Kill()
	g.cmd.Wait()
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
