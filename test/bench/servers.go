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

	"go.etcd.io/etcd/client/pkg/v3/transport"
	"go.etcd.io/etcd/server/v3/embed"
	"go.uber.org/zap"
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

// startAll starts etcd, which the others are compared with, and Netsy.
func startAll(ctx context.Context, dir string) ([]*server, error) {
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
	etcd, err := start("etcd", exec.Command(self, etcdArg, filepath.Join(dir, "etcd")))
	if err != nil {
		return nil, err
	}
	n, err := start("netsy", exec.Command(netsy, "-dir", filepath.Join(dir, "netsy"), "-log-level", "warn"))
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

func (s *server) dial() (*grpc.ClientConn, error) {
	cfg, err := transport.TLSInfo{TrustedCAFile: s.CA, CertFile: s.Cert, KeyFile: s.Key}.ClientConfig()
	if err != nil {
		return nil, err
	}
	u, err := url.Parse(s.Endpoints[0])
	if err != nil {
		return nil, err
	}
	return grpc.NewClient(u.Host, grpc.WithTransportCredentials(credentials.NewTLS(cfg)))
}

// serveEtcd runs a single-member etcd with TLS and its defaults otherwise, until
// standard input ends.
func serveEtcd(dir string) error {
	info, err := transport.SelfCert(zap.NewNop(), filepath.Join(dir, "certs"), []string{"127.0.0.1:0"}, 1)
	if err != nil {
		return err
	}
	free := []url.URL{{Scheme: "https", Host: "127.0.0.1:0"}}
	peer := []url.URL{{Scheme: "http", Host: "127.0.0.1:0"}}
	cfg := embed.NewConfig()
	cfg.Dir = filepath.Join(dir, "data")
	cfg.ListenClientUrls, cfg.AdvertiseClientUrls = free, free
	cfg.ListenPeerUrls, cfg.AdvertisePeerUrls = peer, peer
	cfg.InitialCluster = cfg.InitialClusterFromName(cfg.Name)
	cfg.ClientTLSInfo = info
	cfg.LogLevel = "error"
	e, err := embed.StartEtcd(cfg)
	if err != nil {
		return err
	}
	defer e.Close()
	<-e.Server.ReadyNotify()
	ready := access{
		Endpoints: []string{"https://" + e.Clients[0].Addr().String()},
		CA:        info.CertFile, Cert: info.CertFile, Key: info.KeyFile,
	}
	if err := json.NewEncoder(os.Stdout).Encode(ready); err != nil {
		return err
	}
	_, err = io.Copy(io.Discard, os.Stdin)
	return err
}
