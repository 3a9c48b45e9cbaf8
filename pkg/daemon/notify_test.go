package daemon

import (
	"bytes"
	"context"
	"net"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/hashicorp/go-hclog"

	"github.com/netsy-io/netsy/pkg/sdnotify"
)

// TestReadinessIsToldAgain: a service manager that can't be told at first is told later, and the
// process goes on meanwhile. The log says so once.
func TestReadinessIsToldAgain(t *testing.T) {
	name := filepath.Join(t.TempDir(), "notify")
	t.Setenv("NOTIFY_SOCKET", name)
	manager, err := sdnotify.FromEnvironment()
	if err != nil {
		t.Fatal(err)
	}
	var log bytes.Buffer // read when all is over
	d := &process{manager: manager, log: hclog.New(&hclog.LoggerOptions{Output: &log})}
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	looks, seen, ended := make(chan struct{}), make(chan struct{}), make(chan error, 1)
	go func() {
		ended <- d.tellManager(ctx, func() (bool, string) {
			select {
			case looks <- struct{}{}:
			case <-seen:
			}
			return true, "ready"
		})
	}()
	for range 3 { // at the third, two were in vain
		select {
		case <-looks:
		case err := <-ended:
			t.Fatalf("it ended: %v", err)
		}
	}
	conn, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: name, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	close(seen)
	heard := map[string]int{}
	for b := make([]byte, 1024); heard["READY=1"] == 0; {
		if err := conn.SetReadDeadline(time.Now().Add(time.Minute)); err != nil {
			t.Fatal(err)
		}
		n, err := conn.Read(b)
		if err != nil {
			t.Fatalf("after %v: %v", heard, err)
		}
		heard[string(b[:n])]++
	}
	stop()
	if err := <-ended; err != nil {
		t.Error(err)
	}
	if n := strings.Count(log.String(), "[WARN]"); n != 1 {
		t.Errorf("%d warnings: %s", n, &log)
	}
}
