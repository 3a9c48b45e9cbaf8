package main

import (
	"bufio"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/url"
	"os/exec"
	"time"

	"go.etcd.io/etcd/client/pkg/v3/transport"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"
)

// access is the line that a server prints once it serves.
type access struct {
	Endpoints []string `json:"endpoints"`
	CA        string   `json:"ca"`
	Cert      string   `json:"cert"`
	Key       string   `json:"key"`
	Profiles  string   `json:"profiles"` // URL of its pprof pages; empty: none
}

// target is a store under measurement, in a process of its own.
type target struct {
	name string
	base string // the target that its figures are compared with
	access
	tls   *tls.Config
	cmd   *exec.Cmd
	stdin io.Closer
	also  []int // processes whose work counts as its own: object storage has one
}

// start runs a server that prints its ready line, and ends with its standard input.
func start(k kind, cmd *exec.Cmd) (*target, error) {
	t := &target{name: k.name, base: k.base, cmd: cmd}
	cmd.Stderr = progress
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
	t.stdin = stdin
	line, err := bufio.NewReader(stdout).ReadBytes('\n')
	if err == nil {
		err = json.Unmarshal(line, &t.access)
	}
	if err == nil {
		t.tls, err = transport.TLSInfo{TrustedCAFile: t.CA, CertFile: t.Cert, KeyFile: t.Key}.ClientConfig()
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("starting %s: %w", k.name, err), t.stop())
	}
	return t, nil
}

// stopAfter is how long a server may take to end.
const stopAfter = 20 * time.Second

func (t *target) stop() error {
	kill := time.AfterFunc(stopAfter, func() { t.cmd.Process.Kill() })
	defer kill.Stop()
	return errors.Join(t.stdin.Close(), t.cmd.Wait())
}

// dial makes n connections, spread over the members.
func (t *target) dial(n int) ([]*grpc.ClientConn, error) {
	conns := make([]*grpc.ClientConn, 0, n)
	for i := range n {
		u, err := url.Parse(t.Endpoints[i%len(t.Endpoints)])
		if err != nil {
			return conns, err
		}
		c, err := grpc.NewClient(u.Host, grpc.WithTransportCredentials(credentials.NewTLS(t.tls)),
			grpc.WithDefaultCallOptions(grpc.WaitForReady(true), grpc.MaxCallRecvMsgSize(1<<30)))
		if err != nil {
			return conns, err
		}
		conns = append(conns, c)
	}
	return conns, nil
}

func closeAll(conns []*grpc.ClientConn) {
	for _, c := range conns {
		c.Close()
	}
}
