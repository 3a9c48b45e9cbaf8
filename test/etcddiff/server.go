package etcddiff

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
	"strings"

	pb "go.etcd.io/etcd/api/v3/etcdserverpb"
	"go.etcd.io/etcd/client/pkg/v3/transport"
	"go.etcd.io/etcd/server/v3/embed"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/credentials/insecure"
)

// access is where clients reach a server, and the files of the certificates they need. Without
// CA the endpoint is plain text.
type access struct {
	Endpoints []string `json:"endpoints"`
	CA        string   `json:"ca"`
	Cert      string   `json:"cert"`
	Key       string   `json:"key"`
}

// server is one side of the comparison.
type server struct {
	access
	conn   *grpc.ClientConn
	KV     pb.KVClient
	Lease  pb.LeaseClient
	Watch  pb.WatchClient
	limits bool // answers as differences.go says, instead of as etcd
	stop   func() error
}

func (s *server) close() error { return errors.Join(s.conn.Close(), s.stop()) }

// connect opens the one connection that all requests share. The options are for broken_test.go.
func connect(a access, limits bool, stop func() error, opts ...grpc.DialOption) (*server, error) {
	creds := insecure.NewCredentials()
	if a.CA != "" {
		info := transport.TLSInfo{TrustedCAFile: a.CA, CertFile: a.Cert, KeyFile: a.Key}
		cfg, err := info.ClientConfig()
		if err != nil {
			return nil, errors.Join(fmt.Errorf("client certificate: %w", err), stop())
		}
		creds = credentials.NewTLS(cfg)
	}
	endpoint, err := url.Parse(a.Endpoints[0])
	if err != nil {
		return nil, errors.Join(err, stop())
	}
	conn, err := grpc.NewClient(endpoint.Host, append(opts, grpc.WithTransportCredentials(creds))...)
	if err != nil {
		return nil, errors.Join(err, stop())
	}
	return &server{
		access: a, conn: conn, limits: limits, stop: stop,
		KV: pb.NewKVClient(conn), Lease: pb.NewLeaseClient(conn), Watch: pb.NewWatchClient(conn),
	}, nil
}

// startEtcd runs an empty etcd within this process.
func startEtcd(ctx context.Context, dir string, opts ...grpc.DialOption) (*server, error) {
	free := []url.URL{{Scheme: "http", Host: "127.0.0.1:0"}}
	cfg := embed.NewConfig()
	cfg.Dir = dir
	cfg.UnsafeNoFsync = true // nothing of it outlives the test
	cfg.ListenClientUrls, cfg.AdvertiseClientUrls = free, free
	cfg.ListenPeerUrls, cfg.AdvertisePeerUrls = free, free
	cfg.InitialCluster = cfg.InitialClusterFromName(cfg.Name)
	cfg.LogLevel = "panic" // it logs its own shutdown as an error
	e, err := embed.StartEtcd(cfg)
	if err != nil {
		return nil, fmt.Errorf("start etcd: %w", err)
	}
	stop := func() error { e.Close(); return nil }
	select {
	case <-e.Server.ReadyNotify():
	case err := <-e.Err():
		return nil, errors.Join(fmt.Errorf("etcd ended while it started: %w", err), stop())
	case <-ctx.Done():
		return nil, errors.Join(fmt.Errorf("start etcd: %w", ctx.Err()), stop())
	}
	return connect(access{Endpoints: []string{"http://" + e.Clients[0].Addr().String()}}, false, stop, opts...)
}

// startNetsy runs the development server built from this repository, with an empty store. It
// prints one line once it serves, and ends when its standard input does. ctx bounds the start.
func startNetsy(ctx context.Context, binary, dir string, flags ...string) (*server, error) {
	cmd := exec.Command(binary, append([]string{"--dir", dir}, flags...)...)
	var log strings.Builder
	cmd.Stderr = &log
	stdin, err := cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("start %s: %w", binary, err)
	}
	stop := func() error {
		stdin.Close()
		if err := cmd.Wait(); err != nil {
			return fmt.Errorf("server ended badly: %w; its log:\n%s", err, log.String())
		}
		return nil
	}
	defer context.AfterFunc(ctx, func() { cmd.Process.Kill() })()
	var a access
	line, err := bufio.NewReader(stdout).ReadBytes('\n')
	if err == nil {
		err = json.Unmarshal(line, &a)
	}
	if err == nil && len(a.Endpoints) == 0 {
		err = io.ErrUnexpectedEOF
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("ready line of %s: %w", binary, err), stop())
	}
	return connect(a, true, stop)
}

// buildNetsy compiles the development server to the file out.
func buildNetsy(out string) error {
	cmd := exec.Command("go", "build", "-o", out, "./test/devserver")
	cmd.Dir = "../.."
	cmd.Stderr = os.Stderr
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("build ./test/devserver: %w", err)
	}
	return nil
}
