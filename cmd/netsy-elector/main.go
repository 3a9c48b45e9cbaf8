// Command netsy-elector watches the data nodes of a cluster and picks the Primary.
// Any number may run; one is in office at a time.
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
		fmt.Fprintln(os.Stderr, "netsy-elector:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string) error {
	app := &cli.App{
		Name:    "netsy-elector",
		Usage:   "watch the data nodes and pick the Primary",
		Version: version.String(),
		Description: `Electors need nothing but the bucket that the cluster file names and a way to the
nodes' peer ports. They keep nothing: any of them can be killed at any time.

   NETSY_CONFIG=/etc/netsy/cluster.jsonc NETSY_NODE_ID=elector-1 \
   NETSY_TLS_CA=certs/ca.crt NETSY_TLS_CERT=certs/elector-elector-1.crt \
   NETSY_TLS_KEY=certs/elector-elector-1.key netsy-elector

It stops on SIGTERM or Ctrl-C and gives its office back at once. Exit status 0
after such a stop, 1 after any failure.`,
		Flags:           config.Flags(config.ElectorProgram),
		HideHelpCommand: true,
		Action: func(c *cli.Context) error {
			p, err := config.FromFlags(config.ElectorProgram, c)
			if err != nil {
				return err
			}
			if c.Bool("validate") {
				fmt.Fprintln(c.App.Writer, "the settings are valid")
				return nil
			}
			return daemon.RunElector(c.Context, p, p.NewLogger("netsy-elector", os.Stderr))
		},
	}
	return app.RunContext(ctx, args)
}
