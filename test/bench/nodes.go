package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"
)

// storage is where a cluster of Netsy's binaries keeps its objects: the section of the cluster
// file, and what the environment has besides.
type storage struct {
	section map[string]any
	env     []string
}

// storageDir keeps the objects in the target's directory.
func storageDir(_ context.Context, _ *builds, dir string) (storage, error) {
	objects := filepath.Join(dir, "objects")
	return storage{section: map[string]any{"provider": "file", "bucket_name": objects}}, os.MkdirAll(objects, 0o755)
}

const benchCluster = "bench"

// netsyNodes starts a cluster of Netsy's own binaries, as a user would: nodes with electors inside,
// with the defaults, but for Compact being served.
func netsyNodes(n int, in func(ctx context.Context, b *builds, dir string) (storage, error)) func(context.Context, *builds, kind, string) (*target, error) {
	return func(ctx context.Context, b *builds, k kind, dir string) (*target, error) {
		if err := b.binaries(ctx); err != nil {
			return nil, err
		}
		s, err := in(ctx, b, dir)
		if err != nil {
			return nil, err
		}
		config, err := json.Marshal(map[string]any{"cluster_id": benchCluster, "storage": s.section, "etcd_api": "etcd"})
		if err != nil {
			return nil, err
		}
		if err := os.WriteFile(filepath.Join(dir, "cluster.json"), config, 0o644); err != nil {
			return nil, err
		}
		certs := [][]string{{"ca", "--cluster-id", benchCluster}, {"client", "bench"}}
		for i := range n {
			certs = append(certs, []string{"node", "--dns", "localhost", "--ip", "127.0.0.1", nodeName(i)})
		}
		for _, args := range certs {
			cmd := exec.CommandContext(ctx, filepath.Join(b.dir, "netsyctl"), append([]string{"cert"}, args...)...)
			cmd.Dir = dir
			if out, err := cmd.CombinedOutput(); err != nil {
				return nil, fmt.Errorf("netsyctl cert %v: %w\n%s", args, err, out)
			}
		}
		nodes := make([]*target, n)
		for i := range nodes {
			if nodes[i], err = b.node(k, dir, i, s.env); err != nil {
				break
			}
		}
		t, err := together(k, nodes, err)
		if err != nil {
			return nil, err
		}
		if err := t.awaitNodes(ctx); err != nil {
			t.stop()
			return nil, err
		}
		return t, nil
	}
}

func nodeName(i int) string { return fmt.Sprintf("node-%d", i+1) }

// binaries builds Netsy's own, once.
func (b *builds) binaries(ctx context.Context) error {
	if b.tools["netsy-node"] != "" {
		return nil
	}
	b.tools["netsy-node"] = filepath.Join(b.dir, "netsy-node")
	return b.netsy(ctx, "./cmd/netsy-node", "./cmd/netsyctl")
}

// node starts a node; it takes part once it has found the others.
func (b *builds) node(k kind, dir string, i int, env []string) (*target, error) {
	var held [4]net.Listener // all at once, so that they differ
	var addrs [4]string
	for j := range held {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			return nil, err
		}
		defer l.Close()
		held[j], addrs[j] = l, l.Addr().String()
	}
	name, cert := nodeName(i), func(n string) string { return filepath.Join(dir, "certs", n) }
	log, err := os.Create(filepath.Join(dir, name+".log"))
	if err != nil {
		return nil, err
	}
	defer log.Close()
	cmd := exec.Command(b.tools["netsy-node"], "--with-elector")
	cmd.Dir, cmd.Stdout, cmd.Stderr = dir, log, log
	cmd.Env = append(append(os.Environ(), env...),
		"NETSY_CONFIG=cluster.json", "NETSY_NODE_ID="+name, "NETSY_DATA_DIR="+filepath.Join(dir, name),
		"NETSY_TLS_CA="+cert("ca.crt"), "NETSY_TLS_CERT="+cert(name+".crt"), "NETSY_TLS_KEY="+cert(name+".key"),
		"NETSY_BIND_CLIENT="+addrs[0], "NETSY_BIND_PEER="+addrs[1], "NETSY_BIND_ELECTION="+addrs[2], "NETSY_BIND_HEALTH="+addrs[3],
		"NETSY_ADVERTISE_CLIENT="+addrs[0], "NETSY_ADVERTISE_PEER="+addrs[1], "NETSY_ADVERTISE_ELECTION="+addrs[2], "NETSY_LOG_LEVEL=warn")
	for _, l := range held {
		l.Close()
	}
	p, err := launch(cmd, interrupt{cmd})
	if err != nil {
		return nil, err
	}
	t := &target{name: k.name, base: k.base, procs: []*process{p}, health: []string{"http://" + addrs[3]}}
	t.access = access{Endpoints: []string{"https://" + addrs[0]}, CA: cert("ca.crt"), Cert: cert("client-bench.crt"), Key: cert("client-bench.key")}
	return t, t.trust()
}

// awaitNodes waits until all nodes are ready, and, of several, acknowledge by receipts.
func (t *target) awaitNodes(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	for {
		err := t.areReady(ctx)
		if err == nil {
			return nil
		}
		if gone := t.ended(); gone != nil {
			return gone
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("%s isn't ready: %w", t.name, err)
		case <-time.After(50 * time.Millisecond): // nodes can only be asked
		}
	}
}

func (t *target) areReady(ctx context.Context) error {
	var g errgroup.Group
	voters := make([]float64, len(t.health))
	for i, h := range t.health {
		g.Go(func() error {
			if _, err := fetchPage(ctx, h+"/readyz"); err != nil {
				return err
			}
			m, err := scrape(ctx, h)
			voters[i] = m["netsy_primary_voters"]
			return err
		})
	}
	if err := g.Wait(); err != nil {
		return err
	}
	for _, v := range voters {
		if n := len(t.health); n == 1 || int(v) == n {
			return nil
		}
	}
	return fmt.Errorf("the nodes that vote are %v", voters)
}

// fetchPage reads a page, which has to be there.
func fetchPage(ctx context.Context, url string) (string, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return "", err
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return "", err
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err == nil && resp.StatusCode != http.StatusOK {
		err = fmt.Errorf("%s: %s: %s", url, resp.Status, b)
	}
	return string(b), err
}

// scrape reads a node's metrics: values by name and labels.
func scrape(ctx context.Context, health string) (map[string]float64, error) {
	page, err := fetchPage(ctx, health+"/metrics")
	if err != nil {
		return nil, err
	}
	m := map[string]float64{}
	for line := range strings.Lines(page) {
		at := strings.LastIndexByte(line, ' ')
		if strings.HasPrefix(line, "#") || at < 0 {
			continue
		}
		var v float64
		if _, err := fmt.Sscan(line[at+1:], &v); err == nil {
			m[line[:at]] = v
		}
	}
	return m, nil
}
