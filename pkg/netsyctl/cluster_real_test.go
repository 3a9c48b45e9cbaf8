package netsyctl

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	clientpb "go.etcd.io/etcd/api/v3/etcdserverpb"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"

	"github.com/netsy-io/netsy/pkg/devcluster"
	"github.com/netsy-io/netsy/pkg/netsypb/peerpb"
	"github.com/netsy-io/netsy/pkg/registry"
)

// realTimeout bounds what takes some seconds on an idle machine.
const realTimeout = time.Minute

// Two of three real nodes are lost, with their disks and with writes that receipts
// acknowledged. The third can't be elected; recover says what is at risk, and
// afterwards it is Primary with what it held.
func TestRecoverRealCluster(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), 2*realTimeout)
	defer cancel()
	dir := t.TempDir()
	c, err := devcluster.Start(ctx, devcluster.Options{Dir: dir, Nodes: 3})
	if err != nil {
		t.Fatal(err)
	}
	reg := registry.New(c.Store(), "dev-cluster")
	eventually(t, ctx, "mode quorum", func() error {
		doc, err := reg.Cluster(ctx)
		if err == nil && (doc.Durability.Mode != registry.ModeQuorum || len(doc.Durability.Voters) != 3) {
			err = fmt.Errorf("%+v", doc.Durability)
		}
		return err
	})
	var revision int64
	for i := range 20 {
		put, err := kv(t, c, 0).Put(ctx, &clientpb.PutRequest{Key: fmt.Appendf(nil, "k%d", i), Value: []byte("v")})
		if err != nil {
			t.Fatal(err)
		}
		revision = put.Header.Revision
	}
	// node-3 has it all on its disk; then everything stands still.
	eventually(t, ctx, "node-3 has it all", func() error {
		s, err := c.Node(2).PeerServer().GetNodeState(ctx, &peerpb.GetNodeStateRequest{})
		if err == nil && s.GetTail().GetRevision() < revision {
			err = fmt.Errorf("its tail is %d of %d", s.GetTail().GetRevision(), revision)
		}
		return err
	})
	left := lose(t, dir, c)

	// A node alone, in mode quorum, waits.
	starting, stop := context.WithCancel(ctx)
	defer stop()
	type started struct {
		c   *devcluster.Cluster
		err error
	}
	done := make(chan started, 1)
	go func() { // ends with the start
		c, err := devcluster.Start(starting, devcluster.Options{Dir: left, Nodes: 1})
		done <- started{c, err}
	}()
	defer func() {
		stop()
		if s := <-done; s.c != nil && s.err == nil {
			_ = s.c.Close()
		}
	}()
	cluster := func(command string, args ...string) (string, error) {
		line := []string{"cluster", command, "--config", filepath.Join(left, "cluster.jsonc")}
		if command == "recover" {
			certs := filepath.Join(left, "certs")
			line = append(line, "--tls-ca", filepath.Join(certs, "ca.crt"), "--tls-cert", filepath.Join(certs, "admin.crt"), "--tls-key", filepath.Join(certs, "admin.key"))
		}
		return run(t, append(line, args...)...)
	}
	eventually(t, ctx, "node-1 answers", func() error {
		out, err := cluster("recover")
		if err != nil || !strings.Contains(out, "replica, healthy") {
			return fmt.Errorf("%w: %s", err, out)
		}
		if want := fmt.Sprintf("revision %d of epoch 1 (node-1)", revision); !strings.Contains(out, want) || !strings.Contains(out, "an election needs 2 of the 3 voters") {
			t.Fatalf("%q is not in\n%s", want, out)
		}
		return nil
	})
	select {
	case s := <-done:
		t.Fatalf("a node alone became Primary, or failed: %v", s.err)
	default:
	}
	eventually(t, ctx, "recovered", func() error { // the elector may take office meanwhile
		out, err := cluster("recover", "--accept-data-loss", "--yes")
		if err == nil && !strings.Contains(out, "Done: epoch ") || err != nil && !strings.Contains(err.Error(), "somebody else changed it") {
			t.Fatalf("%v\n%s", err, out)
		}
		return err
	})
	s := <-done
	if done <- s; s.err != nil {
		t.Fatal(s.err)
	}
	got, err := kv(t, s.c, 0).Range(ctx, &clientpb.RangeRequest{Key: []byte("k"), RangeEnd: []byte("l"), CountOnly: true})
	if err != nil || got.Count != 20 {
		t.Errorf("%v, %v", got, err)
	}
	out, err := cluster("show")
	if err != nil || !strings.Contains(out, "object-storage") {
		t.Errorf("%v\n%s", err, out)
	}
}

// lose copies the bucket and node-1's disk while the cluster runs, and ends it: what
// it does on its way out never happened to the copy. It writes the copy's cluster file.
func lose(t *testing.T, dir string, c *devcluster.Cluster) string {
	t.Helper()
	left := t.TempDir()
	for _, part := range []string{"objects", "certs", "node-1"} {
		if err := os.CopyFS(filepath.Join(left, part), os.DirFS(filepath.Join(dir, part))); err != nil {
			t.Fatal(err)
		}
	}
	for _, name := range []string{"node-1.addresses.json"} {
		b, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(left, name), b, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := c.Close(); err != nil {
		t.Fatal(err)
	}
	config := fmt.Appendf(nil, `{"cluster_id": "dev-cluster", "storage": {"provider": "file", "bucket_name": %q}}`, filepath.Join(left, "objects"))
	if err := os.WriteFile(filepath.Join(left, "cluster.jsonc"), config, 0o600); err != nil {
		t.Fatal(err)
	}
	return left
}

func kv(t *testing.T, c *devcluster.Cluster, i int) clientpb.KVClient {
	t.Helper()
	config, err := c.ClientTLS()
	if err != nil {
		t.Fatal(err)
	}
	conn, err := grpc.NewClient("passthrough:///"+strings.TrimPrefix(c.Endpoints()[i], "https://"), grpc.WithTransportCredentials(credentials.NewTLS(config)))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	return clientpb.NewKVClient(conn)
}

// eventually asks until the answer is nil: of buckets and other processes there is
// no event to wait for.
func eventually(t *testing.T, ctx context.Context, what string, ask func() error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(ctx, realTimeout)
	defer cancel()
	for {
		err := ask()
		if err == nil {
			return
		}
		select {
		case <-ctx.Done():
			t.Fatalf("%s: %v", what, err)
		case <-time.After(50 * time.Millisecond):
		}
	}
}
