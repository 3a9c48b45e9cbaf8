//go:build linux

package iam

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/netsy-io/netsy/test/internal/proc"
)

const (
	s3Access, s3Secret, s3Region = "netsy-test", "netsy-test-secret", "us-east-1"
	kmsKey                       = "arn:aws:kms:us-east-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab"
)

// s3Cloud is versitygw, with what it doesn't know of S3: policies, and KMS.
type s3Cloud struct {
	root string

	mu        sync.Mutex
	encrypted map[string]string // key → KMS key that it was written with
	uploads   map[string]string // as of uploads in parts
}

func (c *s3Cloud) classify(r *http.Request) (string, string, []Need, []Need, error) {
	_, key, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, "/"), "/")
	c.mu.Lock()
	object := S3Object{KMSKey: c.encrypted[key]}
	c.mu.Unlock()
	op, err := S3(r, s3Region, object)
	return op.Name, op.Key, op.Needs, op.IfMissing, err
}

func (c *s3Cloud) refuse(w http.ResponseWriter, r *http.Request, need Need) {
	w.Header().Set("Content-Type", "application/xml")
	w.WriteHeader(http.StatusForbidden)
	if r.Method != http.MethodHead {
		fmt.Fprintf(w, `<?xml version="1.0" encoding="UTF-8"?><Error><Code>AccessDenied</Code><Message>User: arn:aws:sts::111122223333:assumed-role/netsy/i-1 is not authorized to perform: %s on resource: %q because no identity-based policy allows the %s action</Message></Error>`, need.Action, need.Resource, need.Action)
	}
}

func (c *s3Cloud) answered(r *http.Request, status int) {
	_, key, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, "/"), "/")
	kms := r.Header.Get("X-Amz-Server-Side-Encryption-Aws-Kms-Key-Id")
	if status != http.StatusOK {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case r.Method == http.MethodPut && !r.URL.Query().Has("uploadId"):
		c.encrypted[key] = kms
	case r.Method == http.MethodPost && r.URL.Query().Has("uploads"):
		c.uploads[key] = kms
	case r.Method == http.MethodPost:
		c.encrypted[key] = c.uploads[key]
	}
}

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

func unixDialer(socket string) func(context.Context, string, string) (net.Conn, error) {
	return func(ctx context.Context, _, _ string) (net.Conn, error) {
		var d net.Dialer
		return d.DialContext(ctx, "unix", socket)
	}
}

// startS3 runs versitygw on a Unix socket, behind a gate.
func startS3(t *testing.T) (*gate, *s3Cloud) {
	t.Helper()
	bin, err := buildVersitygw()
	must(t, err)
	short, err := os.MkdirTemp("", "vgw") // a socket's path has at most 108 bytes
	must(t, err)
	t.Cleanup(func() { os.RemoveAll(short) })
	socket := filepath.Join(short, "s")
	c := &s3Cloud{root: proc.Dir(t, ""), encrypted: map[string]string{}, uploads: map[string]string{}}
	must(t, os.MkdirAll(filepath.Join(c.root, bucketName), 0o755))
	p := proc.Start(t, proc.Config{
		Name: "versitygw", Binary: bin, LogFile: filepath.Join(short, "versitygw.log"),
		Args: []string{"--quiet", "--port", socket, "--access", s3Access, "--secret", s3Secret, "--region", s3Region, "posix", c.root},
	})
	transport := dialUnix(socket)
	t.Cleanup(transport.CloseIdleConnections)
	proc.Until(t, t.Context(), "versitygw listens", func(ctx context.Context) error {
		if !p.Running() {
			t.Fatalf("versitygw ended: %v\n%s", p.State(), p.Out.String())
		}
		conn, err := transport.DialContext(ctx, "", "")
		if err == nil {
			conn.Close()
		}
		return err
	})
	return &gate{t: t, cloud: c, target: &url.URL{Scheme: "http", Host: "versitygw"}, transport: transport}, c
}

// growOld makes what is in the log, and what stands for it, two hours older.
func (c *s3Cloud) growOld(t *testing.T) {
	t.Helper()
	old := time.Now().Add(-2 * time.Hour)
	names, err := filepath.Glob(filepath.Join(c.root, bucketName, keyPrefix, "*", "*.netsy"))
	must(t, err)
	for _, name := range names {
		must(t, os.Chtimes(name, old, old))
	}
}
