// Package sdnotify tells a service manager how a service is, by the protocol of
// sd_notify(3): datagrams of assignments to the socket that NOTIFY_SOCKET names.
package sdnotify

import (
	"fmt"
	"net"
	"os"
	"strings"
	"sync"
	"time"
)

// patience is how long a manager that doesn't read may hold up who tells it something; its
// queue has room, as long as it works.
const patience = time.Second

// Notifier sends to one socket, or nowhere. Safe for concurrent use.
type Notifier struct {
	socket string // empty: nobody listens

	mu   sync.Mutex
	last string // status that was sent
}

// FromEnvironment makes the Notifier of this process. It takes NOTIFY_SOCKET out of the
// environment, so that no child speaks in this process's name.
func FromEnvironment() (*Notifier, error) {
	n := &Notifier{socket: os.Getenv("NOTIFY_SOCKET")}
	switch {
	case n.socket == "":
		return n, nil
	case n.socket[0] != '/' && n.socket[0] != '@':
		return nil, fmt.Errorf("NOTIFY_SOCKET must be a path or an abstract socket, beginning with / or @ (got %q)", n.socket)
	}
	return n, os.Unsetenv("NOTIFY_SOCKET")
}

// Ready says that the start is over. More than once does no harm.
func (n *Notifier) Ready() error { return n.send("READY=1") }

// Stopping says that the service stops.
func (n *Notifier) Stopping() error { return n.send("STOPPING=1") }

// Status is a line for people: what systemctl status shows. The same again isn't sent, unless
// it failed.
func (n *Notifier) Status(line string) error {
	line = strings.ReplaceAll(line, "\n", " ") // a line break ends an assignment
	n.mu.Lock()
	defer n.mu.Unlock()
	if line == n.last {
		return nil
	}
	if err := n.send("STATUS=" + line); err != nil {
		return err
	}
	n.last = line
	return nil
}

// send gives up after patience.
func (n *Notifier) send(state string) error {
	if n.socket == "" {
		return nil
	}
	conn, err := net.DialUnix("unixgram", nil, &net.UnixAddr{Name: n.socket, Net: "unixgram"}) // Go takes a leading @ for abstract
	if err != nil {
		return fmt.Errorf("notifying the service manager: %w", err)
	}
	defer conn.Close()
	if err := conn.SetWriteDeadline(time.Now().Add(patience)); err != nil {
		return fmt.Errorf("notifying the service manager: %w", err)
	}
	if _, err := conn.Write([]byte(state)); err != nil {
		return fmt.Errorf("notifying the service manager: %w", err)
	}
	return nil
}
