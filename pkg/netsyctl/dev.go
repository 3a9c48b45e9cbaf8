package netsyctl

import (
	"context"
	"fmt"
	"io"
	"path/filepath"
	"strings"
	"time"

	"github.com/hashicorp/go-hclog"
	"github.com/urfave/cli/v2"

	"github.com/netsy-io/netsy/pkg/devcluster"
	"github.com/netsy-io/netsy/pkg/etcdapi"
)

// startTimeout bounds the start of a local cluster, which takes well under a second.
const startTimeout = time.Minute

// maxDevNodes is as many as one machine can sensibly pretend to be.
const maxDevNodes = 9

func devCommand() *cli.Command {
	return &cli.Command{
		Name:  "dev",
		Usage: "run a local cluster until Ctrl-C",
		Description: `Starts nodes and an elector in this process, on loopback, with certificates of
their own and object storage in a directory. What is written stays in --dir and is
there again at the next start; remove the directory to begin anew.

  netsyctl dev
  netsyctl dev --nodes 3
  netsyctl dev --dir /tmp/netsy --etcd-api kubernetes --log-level info`,
		Flags: []cli.Flag{
			&cli.StringFlag{Name: "dir", Value: "dev-data", Usage: "directory that holds everything"},
			&cli.IntFlag{Name: "nodes", Value: 1, Usage: "number of nodes"},
			&cli.IntFlag{Name: "client-port", Value: 2378, Usage: "port for etcd clients"},
			&cli.IntFlag{Name: "peer-port", Value: 2381, Usage: "port between the processes"},
			&cli.StringFlag{Name: "etcd-api", Value: string(etcdapi.ProfileEtcd), Usage: "etcd (plain etcdctl works) or kubernetes (what kube-apiserver needs, no more)"},
			&cli.StringFlag{Name: "log-level", Value: "warn", Usage: "trace, debug, info, warn or error"},
		},
		Action: runDev,
	}
}

func runDev(c *cli.Context) error {
	if err := noArgs(c); err != nil {
		return err
	}
	profile := etcdapi.Profile(c.String("etcd-api"))
	if profile != etcdapi.ProfileEtcd && profile != etcdapi.ProfileKubernetes {
		return wrongUse("--etcd-api must be etcd or kubernetes (got %q)", profile)
	}
	if n := c.Int("nodes"); n < 1 || n > maxDevNodes {
		return wrongUse("--nodes must be from 1 to %d (got %d)", maxDevNodes, n)
	}
	level := hclog.LevelFromString(c.String("log-level"))
	if level == hclog.NoLevel {
		return wrongUse("--log-level must be trace, debug, info, warn or error (got %q)", c.String("log-level"))
	}
	dir, err := filepath.Abs(c.String("dir"))
	if err != nil {
		return err
	}
	out := c.App.Writer
	ctx, cancel := context.WithTimeout(c.Context, startTimeout)
	defer cancel()
	cluster, err := devcluster.Start(ctx, devcluster.Options{
		Dir: dir, Nodes: c.Int("nodes"), Profile: profile,
		ClientPort: c.Int("client-port"), PeerPort: c.Int("peer-port"), Compactor: devcluster.DefaultCompactor(),
		Logger:   hclog.New(&hclog.LoggerOptions{Name: "dev", Level: level, Output: c.App.ErrWriter}),
		Progress: func(what string) { fmt.Fprintln(out, what, "...") },
	})
	if err != nil {
		return err
	}
	printUse(out, cluster, dir)
	select {
	case <-c.Context.Done():
		fmt.Fprintln(out, "\nstopping ...")
	case <-cluster.Done():
	}
	if err := cluster.Close(); err != nil {
		return err
	}
	fmt.Fprintln(out, "stopped; the data stays in", dir)
	return nil
}

// printUse shows flags that can be pasted as they are.
func printUse(w io.Writer, c *devcluster.Cluster, dir string) {
	endpoints := strings.Join(c.Endpoints(), ",")
	ca, cert, key := c.CertFiles()
	fmt.Fprintf(w, `
The cluster is ready. Its data is in %s. Ctrl-C stops it.

etcdctl:
  etcdctl --endpoints=%[2]s --cacert=%[3]s --cert=%[4]s --key=%[5]s put hello world

kube-apiserver:
  --etcd-servers=%[2]s --etcd-cafile=%[3]s --etcd-certfile=%[4]s --etcd-keyfile=%[5]s

`, dir, endpoints, ca, cert, key)
}
