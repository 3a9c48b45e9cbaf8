package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"

	"go.etcd.io/etcd/client/pkg/v3/transport"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"
)

// etcdArg makes this program an etcd server.
const etcdArg = "serve-etcd"

// access is the line that a server prints once it serves.
type access struct {
	Endpoints []string `json:"endpoints"`
	CA        string   `json:"ca"`
	Cert      string   `json:"cert"`
	Key       string   `json:"key"`
}

type server struct {
	name string
	access
	cmd   *exec.Cmd
	stdin io.Closer
}

// startAll starts etcd, which the others are compared with, and Netsy, each with so
// many members, which share one process.
func startAll(ctx context.Context, dir string, members int) ([]*server, error) {
	netsy := filepath.Join(dir, "devserver")
	build := exec.CommandContext(ctx, "go", "build", "-o", netsy, "./test/devserver")
	build.Dir, build.Stderr = "../..", os.Stderr
	if err := build.Run(); err != nil {
		return nil, fmt.Errorf("building Netsy: %w", err)
	}
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	etcd, err := start("etcd", exec.Command(self, etcdArg, filepath.Join(dir, "etcd"), strconv.Itoa(members)))
	if err != nil {
		return nil, err
	}
	n, err := start("netsy", exec.Command(netsy, "-dir", filepath.Join(dir, "netsy"), "-log-level", "warn", "-nodes", strconv.Itoa(members)))
	if err != nil {
		return []*server{etcd}, err
	}
	return []*server{etcd, n}, nil
}

func start(name string, cmd *exec.Cmd) (*server, error) {
	s := &server{name: name, cmd: cmd}
	cmd.Stderr = os.Stderr
	stdin, err := cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	s.stdin = stdin
	line, err := bufio.NewReader(stdout).ReadBytes('\n')
	if err == nil {
		err = json.Unmarshal(line, &s.access)
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("starting %s: %w", name, err), s.stop())
	}
	return s, nil
}

// stop ends the server by ending its input.
func (s *server) stop() error { return errors.Join(s.stdin.Close(), s.cmd.Wait()) }

func stopAll(servers []*server) {
	for _, s := range servers {
		if err := s.stop(); err != nil {
			fmt.Fprintf(os.Stderr, "bench: stopping %s: %v\n", s.name, err)
		}
	}
}

// dial connects the i-th client; clients are spread over the members.
func (s *server) dial(i int) (*grpc.ClientConn, error) {
	cfg, err := transport.TLSInfo{TrustedCAFile: s.CA, CertFile: s.Cert, KeyFile: s.Key}.ClientConfig()
	if err != nil {
		return nil, err
	}
	u, err := url.Parse(s.Endpoints[i%len(s.Endpoints)])
	if err != nil {
		return nil, err
	}
	return grpc.NewClient(u.Host, grpc.WithTransportCredentials(credentials.NewTLS(cfg)))
}
