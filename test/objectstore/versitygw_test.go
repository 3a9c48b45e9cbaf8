package objectstoretest

import (
	"bytes"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"

	"github.com/netsy-io/netsy/pkg/objectstore/s3"
)

const (
	s3Access, s3Secret, s3Region = "netsy-test", "netsy-test-secret", "us-east-1"
	s3Bucket                     = "netsy"
)

var s3Credentials = aws.NewCredentialsCache(credentials.NewStaticCredentialsProvider(s3Access, s3Secret, ""))

// buildVersitygw has the pinned tool built, into go's own cache, and returns its path.
var buildVersitygw = sync.OnceValues(func() (string, error) {
	cmd := exec.Command("go", "tool", "-n", "versitygw")
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		return "", fmt.Errorf("go tool versitygw: %w\n%s", err, stderr.Bytes())
	}
	return strings.TrimSpace(string(out)), nil
})

// gateway is a running versitygw: S3 over a directory.
type gateway struct {
	*proxy
	root string
}

// startVersitygw runs the server on a Unix socket, behind a proxy on loopback.
func startVersitygw(t *testing.T) *gateway {
	t.Helper()
	bin, err := buildVersitygw()
	if err != nil {
		t.Fatal(err)
	}
	dir, err := os.MkdirTemp("", "vgw") // short: a socket's path has at most 108 bytes
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	root, socket := filepath.Join(dir, "root"), filepath.Join(dir, "s")
	if err := os.MkdirAll(filepath.Join(root, s3Bucket), 0o755); err != nil {
		t.Fatal(err)
	}
	var log bytes.Buffer
	cmd := exec.Command(bin, "--quiet", "--port", socket, "--access", s3Access, "--secret", s3Secret, "--region", s3Region, "posix", root)
	cmd.Stdout, cmd.Stderr = &log, &log
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	exited := make(chan error, 1)
	go func() { exited <- cmd.Wait() }()
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		<-exited
	})
	for {
		c, err := net.Dial("unix", socket)
		if err == nil {
			c.Close()
			break
		}
		select {
		case err := <-exited:
			exited <- err
			t.Fatalf("versitygw ended: %v\n%s", err, log.String())
		case <-t.Context().Done():
			t.Fatal("versitygw does not listen")
		default:
		}
	}
	return &gateway{proxy: newProxy(t, "http://versitygw", socket), root: root}
}

func (g *gateway) config() s3.Config {
	return s3.Config{Bucket: s3Bucket, Endpoint: g.URL, Region: s3Region, PathStyle: true, Credentials: s3Credentials}
}

func (g *gateway) open(t *testing.T, cfg s3.Config) *s3.Store {
	t.Helper()
	s, err := s3.Open(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// reached proves that the objects went to versitygw: it says so itself, and the
// object lies in its directory.
func (g *gateway) reached(t *testing.T, key string) {
	t.Helper()
	g.mu.Lock()
	servers := g.servers
	g.mu.Unlock()
	if len(servers) == 0 || servers[len(servers)-1] != "VERSITYGW" {
		t.Fatalf("the answers came from %q, not from VERSITYGW", servers)
	}
	if _, err := os.Stat(filepath.Join(g.root, s3Bucket, key)); err != nil {
		t.Fatalf("the object isn't in versitygw's directory: %v", err)
	}
}
