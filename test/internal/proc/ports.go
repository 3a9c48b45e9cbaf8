//go:build linux

package proc

import (
	"math/rand/v2"
	"net"
	"strconv"
	"sync"
	"testing"
)

// Ports are taken from below the range that the kernel gives to outgoing
// connections, so that nobody takes a node's port while it is down.
const lowestPort, highestPort = 12000, 32000

var ports = struct {
	mu   sync.Mutex
	used map[int]bool
}{used: map[int]bool{}}

// FreeAddr returns a loopback address that is the caller's for the whole run.
func FreeAddr(t testing.TB) string {
	t.Helper()
	ports.mu.Lock()
	defer ports.mu.Unlock()
	for range 1000 {
		port := lowestPort + rand.IntN(highestPort-lowestPort)
		if ports.used[port] {
			continue
		}
		addr := net.JoinHostPort("127.0.0.1", strconv.Itoa(port))
		l, err := net.Listen("tcp", addr)
		if err != nil {
			continue
		}
		if err := l.Close(); err != nil {
			t.Fatal(err)
		}
		ports.used[port] = true
		return addr
	}
	t.Fatal("no free port")
	return ""
}
