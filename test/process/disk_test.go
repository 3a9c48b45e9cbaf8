//go:build linux

package process

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	pb "go.etcd.io/etcd/api/v3/etcdserverpb"
	"golang.org/x/sys/unix"

	"github.com/netsy-io/netsy/test/internal/check"
	"github.com/netsy-io/netsy/test/internal/load"
	"github.com/netsy-io/netsy/test/internal/proc"
)

// smallDisk puts a file system of its own, of so many bytes, under the node's data
// directory. That takes the right to mount; without it the test is skipped.
func (c *cluster) smallDisk(id string, size int, flags uintptr) string {
	c.t.Helper()
	dir := c.node(id).data
	c.must(os.MkdirAll(dir, 0o755))
	if err := unix.Mount("netsy-process", dir, "tmpfs", flags, fmt.Sprintf("size=%d", size)); err != nil {
		c.t.Skipf("no file system of its own for the data directory: mount: %v", err)
	}
	c.t.Cleanup(func() { // before the directory is removed; after the node is dead, or soon
		c.must(unix.Unmount(dir, unix.MNT_DETACH))
	})
	return dir
}

// TestFullDisk fills the disk under a node at work and makes room again. In between
// the node acknowledges nothing, and says why.
func TestFullDisk(t *testing.T) {
	t.Parallel()
	c := newCluster(t)
	ctx := t.Context()
	dir := c.smallDisk("node-1", 24<<20, 0)
	c.startElector("elector-1")
	node := c.startNode("node-1")
	before := c.awaitActive(ctx, node, "node-1")
	h, cl := check.NewHistory(), c.client("node-1")
	w := load.Watch(t, cl, 1)
	l := load.Start(t, h, cl, "w")
	for range 2 {
		l.More(t, ctx, 50)
		ballast := fill(t, dir)
		bad := c.awaitHealth(ctx, node, "node-1", "/readyz", "is degraded", func(h proc.Health) bool { return h.Status == 503 && h.Health == "HEALTH_DEGRADED" })
		for _, s := range []string{"disk failure", "full"} {
			if !strings.Contains(bad.Reason, s) {
				t.Errorf("the reason %q does not contain %q", bad.Reason, s)
			}
		}
		c.awaitAlarm(ctx, cl, true)
		stopsAcknowledging(t, ctx, h)
		c.must(os.Remove(ballast))
		after := c.awaitActive(ctx, node, "node-1")
		if after.Epoch <= before.Epoch {
			t.Errorf("epoch %d after epoch %d", after.Epoch, before.Epoch)
		}
		c.awaitAlarm(ctx, cl, false)
		before = after
	}
	l.More(t, ctx, 50)
	l.Stop()
	c.conclude(ctx, h, w, cl)
}

// fill writes a file until nothing more goes in.
func fill(t testing.TB, dir string) (path string) {
	t.Helper()
	path = filepath.Join(dir, "ballast")
	f, err := os.OpenFile(path, os.O_CREATE|os.O_WRONLY|os.O_TRUNC, 0o644)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for size := 1 << 20; size > 0; {
		if _, err := f.Write(bytes.Repeat([]byte{1}, size)); errors.Is(err, syscall.ENOSPC) {
			size /= 2
		} else if err != nil {
			t.Fatal(err)
		}
	}
	return path
}

// awaitAlarm waits until Status and Alarm tell clients of the node's trouble, or no more.
func (c *cluster) awaitAlarm(ctx context.Context, cl *load.Client, raised bool) {
	c.t.Helper()
	ctx, cancel := context.WithTimeout(ctx, proc.EventTimeout)
	defer cancel()
	proc.Until(c.t, ctx, fmt.Sprintf("the alarm is raised: %v", raised), func(ctx context.Context) error {
		st, err := cl.Maintenance.Status(ctx, &pb.StatusRequest{})
		if err != nil {
			return err
		}
		al, err := cl.Maintenance.Alarm(ctx, &pb.AlarmRequest{})
		if err != nil {
			return err
		}
		corrupt := len(al.Alarms) == 1 && al.Alarms[0].Alarm == pb.AlarmType_CORRUPT
		if corrupt != raised || (len(st.Errors) > 0) != raised {
			return fmt.Errorf("status errors %q, alarms %v", st.Errors, al.Alarms)
		}
		return nil
	})
}

// stopsAcknowledging waits for some ops to fail and checks that none succeeds.
func stopsAcknowledging(t testing.TB, ctx context.Context, h *check.History) {
	t.Helper()
	ctx, cancel := context.WithTimeout(ctx, proc.EventTimeout)
	defer cancel()
	// What was acknowledged just before may only now be recorded by its writer: each
	// of them is through with that once its next op is.
	acked, failed := int64(-1), 0
	proc.Until(t, ctx, "writes fail and none succeeds", func(context.Context) error {
		a, _ := h.Writes()
		f := h.Count(func(o check.Op) bool { return o.Write() && unanswered(o) })
		if a != acked {
			acked, failed = a, f
		}
		if f < failed+8 {
			return fmt.Errorf("%d writes acknowledged, %d of 8 failed since", a, f-failed)
		}
		return nil
	})
}

// TestFileSizeLimit makes the kernel refuse writes with an error that leaves SQLite in
// doubt about what it has stored: the node must end and say so. The next start finds
// the truth.
func TestFileSizeLimit(t *testing.T) {
	t.Parallel()
	c := newCluster(t)
	ctx := t.Context()
	c.startElector("elector-1")
	node := c.startNode("node-1")
	c.awaitActive(ctx, node, "node-1")
	h, cl := check.NewHistory(), c.client("node-1")
	w := load.Watch(t, cl, 1)
	l := load.Start(t, h, cl, "w")
	for range 2 {
		l.More(t, ctx, 50)
		limit := unix.Rlimit{Cur: 64 << 10, Max: unix.RLIM_INFINITY}
		c.must(unix.Prlimit(node.Pid(), unix.RLIMIT_FSIZE, &limit, nil))
		if code := node.Exit(proc.EventTimeout); code != 1 {
			t.Errorf("exit status %d, want 1", code)
		}
		message := lastParagraph(node.Out.String())
		for _, s := range []string{"netsy-node: ", "outcome of a commit is unknown", "takes no more writes until it is opened again", "disk"} {
			if !strings.Contains(message, s) {
				t.Errorf("the message does not contain %q", s)
			}
		}
		if n := strings.Count(message, "outcome of a commit is unknown"); n != 1 {
			t.Errorf("the message says the same thing %d times", n)
		}
		t.Logf("the message:\n%s", message)
		node = c.startNode("node-1")
		c.awaitActive(ctx, node, "node-1")
	}
	l.More(t, ctx, 50)
	l.Stop()
	c.conclude(ctx, h, w, cl)
}

// TestReadOnlyDisk: a node whose data directory can't be written does not start.
func TestReadOnlyDisk(t *testing.T) {
	t.Parallel()
	c := newCluster(t)
	c.smallDisk("node-1", 1<<20, unix.MS_RDONLY)
	node := c.startNode("node-1")
	if code := node.Exit(proc.EventTimeout); code != 1 {
		t.Errorf("exit status %d, want 1", code)
	}
	if message := lastParagraph(node.Out.String()); !strings.Contains(message, "data directory") || !strings.Contains(message, "read-only file system") {
		t.Errorf("the message is %q", message)
	}
}
