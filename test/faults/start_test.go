//go:build linux

package faults

import (
	"bufio"
	"context"
	"encoding/hex"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/netsy-io/netsy/pkg/datafile"
	"github.com/netsy-io/netsy/pkg/objectstore/s3"
	"github.com/netsy-io/netsy/pkg/record"
	"github.com/netsy-io/netsy/pkg/snapshot"
	"github.com/netsy-io/netsy/test/internal/proc"
)

// TestStart measures how long a node without a disk takes until it answers, when the
// bucket has a snapshot of -keys keys of 1 KiB, and what memory it needs. It asserts nothing
// about either; it is skipped by default.
func TestStart(t *testing.T) {
	if *keys == 0 {
		t.Skip("nothing is measured without -keys")
	}
	var endpoint string
	c := newCluster(t, func(cfg map[string]any) {
		cfg["storage"].(map[string]any)["endpoint"] = endpoint
		delete(cfg, "heartbeat_interval")
		delete(cfg, "elector")
	})
	endpoint = c.bucket.direct(c.dir)
	c.plant(endpoint, *keys)
	c.add("elector-1")
	c.start("elector-1")
	for run := range max(*runs, 1) {
		id := fmt.Sprintf("node-%d", run+1)
		m := c.add(id)
		began := time.Now()
		c.start(id)
		kv := c.client(id)
		proc.Until(t, t.Context(), id+" answers", func(ctx context.Context) error {
			_, err := kv.Get(ctx, "start/0")
			return err
		})
		took := time.Since(began)
		t.Logf("%s: %d keys, first answer after %v, peak memory %s", id, *keys, took.Round(10*time.Millisecond), peak(m.Pid()))
		for _, line := range c.events(m) {
			t.Log("  ", line)
		}
		c.wipe(id)
	}
}

// direct starts another server over the same directory, which processes reach without a
// front: nothing of the test's own is measured.
func (b *bucket) direct(dir string) (endpoint string) {
	bin, err := buildVersitygw()
	if err != nil {
		b.t.Fatal(err)
	}
	addr := proc.FreeAddr(b.t)
	proc.Start(b.t, proc.Config{
		Name: "versitygw", Binary: bin, LogFile: filepath.Join(dir, "versitygw-direct.log"),
		Args: []string{"--quiet", "--port", addr, "--access", s3Access, "--secret", s3Secret, "--region", s3Region, "posix", b.root},
	})
	proc.Until(b.t, b.t.Context(), "versitygw listens", func(ctx context.Context) error {
		var d net.Dialer
		conn, err := d.DialContext(ctx, "tcp", addr)
		if err == nil {
			conn.Close()
		}
		return err
	})
	return "http://" + addr
}

// plant puts a lone snapshot into the bucket: what a cluster begins with that was restored.
func (c *cluster) plant(endpoint string, n int) {
	c.t.Helper()
	c.t.Setenv("AWS_ACCESS_KEY_ID", s3Access)
	c.t.Setenv("AWS_SECRET_ACCESS_KEY", s3Secret)
	store, err := s3.Open(c.ctx, s3.Config{Bucket: s3Bucket, Endpoint: endpoint, Region: s3Region, PathStyle: true})
	c.must(err)
	d, err := snapshot.NewDraft(c.dir)
	c.must(err)
	defer d.Close()
	rng, half := rand.NewChaCha8([32]byte{}), make([]byte, 512)
	for i := range n + 1 {
		rev := record.Revision(i + 1)
		rng.Read(half)
		r := record.Record{Revision: rev, Epoch: 1, Key: fmt.Appendf(nil, "start/%d", i), Value: []byte(hex.EncodeToString(half)), Created: true, CreateRevision: rev, Version: 1, LeaderID: "planted"}
		if i == n {
			r = record.EpochStart(rev, 1, "planted", record.KeyState{}, time.Now())
		}
		c.must(d.Write(&r))
	}
	info, err := d.Finish(datafile.Header{CreatedAt: time.Now()})
	c.must(err)
	_, err = snapshot.New(store, snapshot.Options{Dir: c.dir}).Publish(c.ctx, d, nil)
	c.must(err)
	c.t.Logf("a snapshot of %d records, %d MB", info.Records, info.Size>>20)
}

// peak is the most memory that a process had.
func peak(pid int) string {
	f, err := os.Open(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return err.Error()
	}
	defer f.Close()
	for s := bufio.NewScanner(f); s.Scan(); {
		if v, ok := strings.CutPrefix(s.Text(), "VmHWM:"); ok {
			return strings.TrimSpace(v)
		}
	}
	return "unknown"
}

var telling = regexp.MustCompile(`node_serving|snapshot_load|caught_up|primary_active|state_loaded|loading_|sealed`)

// events are the lines of a node's log that say where the time went.
func (c *cluster) events(m *member) (lines []string) {
	b, err := os.ReadFile(c.path(fmt.Sprintf("%03d-%s.log", c.started, m.id)))
	c.must(err)
	for line := range strings.Lines(string(b)) {
		if telling.MatchString(line) {
			lines = append(lines, strings.TrimSpace(line))
		}
	}
	return lines
}
