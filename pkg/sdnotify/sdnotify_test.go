package sdnotify_test

import (
	"errors"
	"net"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/netsy-io/netsy/pkg/sdnotify"
)

// manager listens as a service manager does, and returns what it is told, in order.
func manager(t *testing.T, name string) (told func() string) {
	t.Helper()
	conn, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: name, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	t.Setenv("NOTIFY_SOCKET", name)
	return func() string {
		t.Helper()
		b := make([]byte, 1024)
		if err := conn.SetReadDeadline(time.Now().Add(10 * time.Second)); err != nil {
			t.Fatal(err)
		}
		n, err := conn.Read(b)
		if err != nil {
			t.Fatal(err)
		}
		return string(b[:n])
	}
}

func TestNotify(t *testing.T) {
	for _, socket := range []string{filepath.Join(t.TempDir(), "notify"), "@netsy-test-" + filepath.Base(t.TempDir())} {
		told := manager(t, socket)
		n, err := sdnotify.FromEnvironment()
		if err != nil {
			t.Fatal(err)
		}
		if _, set := os.LookupEnv("NOTIFY_SOCKET"); set {
			t.Error("children would inherit the socket")
		}
		for _, step := range []struct {
			say  func() error
			want string
		}{
			{func() error { return n.Status("loading\nREADY=1") }, "STATUS=loading READY=1"},
			{func() error { // the first isn't sent
				if err := n.Status("loading\nREADY=1"); err != nil {
					return err
				}
				return n.Status("loaded")
			}, "STATUS=loaded"},
			{n.Ready, "READY=1"},
			{n.Stopping, "STOPPING=1"},
		} {
			if err := step.say(); err != nil {
				t.Fatal(err)
			}
			if got := told(); got != step.want {
				t.Errorf("%q was said, want %q", got, step.want)
			}
		}
	}
}

// TestHungManager: one that reads nothing ends no patience but its own, and hears later what
// it missed.
func TestHungManager(t *testing.T) {
	name := filepath.Join(t.TempDir(), "notify")
	told := manager(t, name)
	n, err := sdnotify.FromEnvironment()
	if err != nil {
		t.Fatal(err)
	}
	sent := 0
	for ; err == nil; sent++ { // until what it may have unread is full
		err = n.Ready()
	}
	if !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Fatalf("after %d: %v", sent, err)
	}
	if err := n.Status("loading"); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Fatalf("a status: %v", err)
	}
	for range sent - 1 {
		told()
	}
	if err := n.Status("loading"); err != nil { // the same, which wasn't heard
		t.Fatal(err)
	}
	if got := told(); got != "STATUS=loading" {
		t.Errorf("%q was said", got)
	}
}

func TestNobodyListens(t *testing.T) {
	t.Setenv("NOTIFY_SOCKET", "")
	n, err := sdnotify.FromEnvironment()
	if err != nil {
		t.Fatal(err)
	}
	for _, err := range []error{n.Ready(), n.Status("s"), n.Stopping()} {
		if err != nil {
			t.Error(err)
		}
	}
	t.Setenv("NOTIFY_SOCKET", filepath.Join(t.TempDir(), "gone"))
	if n, err = sdnotify.FromEnvironment(); err != nil {
		t.Fatal(err)
	}
	if n.Ready() == nil {
		t.Error("a socket that isn't there was notified")
	}
	t.Setenv("NOTIFY_SOCKET", "relative")
	if _, err := sdnotify.FromEnvironment(); err == nil {
		t.Error("a relative path was taken")
	}
}
