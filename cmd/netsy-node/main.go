// Command netsy-node is a Netsy data node: it serves etcd's API to clients from a
// local copy of the history whose home is object storage.
package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"github.com/urfave/cli/v2"

	"github.com/netsy-io/netsy/pkg/config"
	"github.com/netsy-io/netsy/pkg/daemon"
	"github.com/netsy-io/netsy/pkg/version"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, os.Args); err != nil {
		fmt.Fprintln(os.Stderr, "netsy-node:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string) error {
	app := &cli.App{
		Name:    "netsy-node",
		Usage:   "serve etcd's API from object storage",
		Version: version.String(),
		Description: `A node registers itself in the bucket that the cluster file names and waits for an
elector to make one of the nodes the Primary. Certificates: netsyctl cert --help.

   NETSY_CONFIG=/etc/netsy/cluster.jsonc NETSY_NODE_ID=node-1 \
   NETSY_TLS_CA=certs/ca.crt NETSY_TLS_CERT=certs/node-1.crt \
   NETSY_TLS_KEY=certs/node-1.key netsy-node --with-elector

It stops on SIGTERM or Ctrl-C, after answering what it has taken. Exit status 0
after such a stop, 1 after any failure.`,
		Flags: append(config.Flags(config.NodeProgram), &cli.BoolFlag{
			Name: "with-elector", EnvVars: []string{"NETSY_WITH_ELECTOR"},
			Usage: "run an elector in this process too, for small deployments",
		}),
		HideHelpCommand: true,
		Action: func(c *cli.Context) error {
			p, err := config.FromFlags(config.NodeProgram, c)
			if err != nil {
				return err
			}
			if c.Bool("validate") {
				fmt.Fprintln(c.App.Writer, "the settings are valid")
				return nil
			}
			return daemon.RunNode(c.Context, p, c.Bool("with-elector"), p.NewLogger("netsy-node", os.Stderr))
		},
	}
	return app.RunContext(ctx, args)
}
