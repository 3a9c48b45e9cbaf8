package harness

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"strconv"
	"sync"
)

// Ports are taken from below the range that the kernel gives to outgoing connections, so that
// nobody takes a process's port while it is down.
const lowestPort, highestPort = 12000, 32000

var ports = struct {
	mu   sync.Mutex
	used map[int]bool
}{used: map[int]bool{}}

// freePorts returns loopback addresses that are the caller's for the whole run. Processes keep
// theirs when they start again.
func freePorts(n int) ([]string, error) {
	ports.mu.Lock()
	defer ports.mu.Unlock()
	var addresses []string
	for range 100 * n {
		if len(addresses) == n {
			return addresses, nil
		}
		port := lowestPort + rand.IntN(highestPort-lowestPort)
		if ports.used[port] {
			continue
		}
		address := net.JoinHostPort("127.0.0.1", strconv.Itoa(port))
		l, err := net.Listen("tcp", address)
		if err != nil {
			continue // somebody else's
		}
		if err := l.Close(); err != nil {
			return nil, fmt.Errorf("try a port: %w", err)
		}
		ports.used[port] = true
		addresses = append(addresses, address)
	}
	return nil, errors.New("no free ports")
}
