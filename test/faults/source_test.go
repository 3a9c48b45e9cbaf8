//go:build linux

package faults

import (
	"bufio"
	"fmt"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// The kernel knows whose connection it is that comes in on loopback: the socket at its
// other end has an inode in /proc/net/tcp, and the process has it among its files. So
// a partition between two processes needs no addresses of their own, no namespaces
// and no privileges.

// sourceOf returns which of the processes made the connection that c is the accepted
// end of, or 0.
func sourceOf(c net.Conn, pids []int) (int, error) {
	inode, err := inodeOf(c.RemoteAddr().String(), c.LocalAddr().String())
	if err != nil || inode == "" {
		return 0, err
	}
	want := "socket:[" + inode + "]"
	for _, pid := range pids {
		dir := fmt.Sprintf("/proc/%d/fd", pid)
		fds, err := os.ReadDir(dir)
		if err != nil {
			continue // the process has just ended
		}
		for _, fd := range fds {
			if name, err := os.Readlink(filepath.Join(dir, fd.Name())); err == nil && name == want {
				return pid, nil
			}
		}
	}
	return 0, nil
}

// inodeOf returns the inode of the socket that is bound to local and connected to
// remote, or "".
func inodeOf(local, remote string) (string, error) {
	l, err := kernelAddr(local)
	if err != nil {
		return "", err
	}
	r, err := kernelAddr(remote)
	if err != nil {
		return "", err
	}
	f, err := os.Open("/proc/net/tcp")
	if err != nil {
		return "", err
	}
	defer f.Close()
	lines := bufio.NewScanner(f)
	for lines.Scan() {
		// sl local_address rem_address st tx:rx tr:tm retrnsmt uid timeout inode: proc(5)
		if w := strings.Fields(lines.Text()); len(w) > 9 && w[1] == l && w[2] == r {
			return w[9], nil
		}
	}
	return "", lines.Err()
}

// kernelAddr writes an IPv4 address as /proc/net/tcp does: the four bytes as one number
// of the machine (little-endian here), the port big-endian.
func kernelAddr(s string) (string, error) {
	a, err := netip.ParseAddrPort(s)
	if err != nil {
		return "", err
	}
	b := a.Addr().Unmap().As4()
	return fmt.Sprintf("%02X%02X%02X%02X:%04X", b[3], b[2], b[1], b[0], a.Port()), nil
}

// TestSource: a connection of this process is known as its own.
func TestSource(t *testing.T) {
	l, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	c, err := net.Dial("tcp4", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	in, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	defer in.Close()
	for want, pids := range map[int][]int{os.Getpid(): {1, os.Getpid()}, 0: {1 << 30}} {
		if got, err := sourceOf(in, pids); err != nil || got != want {
			t.Errorf("among %v: %d, %v; want %d", pids, got, err, want)
		}
	}
}
