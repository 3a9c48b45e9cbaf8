// Command netsy-node is a Netsy data node: it serves etcd's API to clients from a
// local copy of the history whose home is object storage.
package main

import (
	"os"

	"github.com/urfave/cli/v2"

	"github.com/netsy-io/netsy/pkg/config"
	"github.com/netsy-io/netsy/pkg/daemon"
)

const description = `A node registers itself in the bucket that the cluster file names and waits for an
elector to make one of the nodes the Primary. Certificates: netsyctl cert --help.

   NETSY_CONFIG=/etc/netsy/cluster.jsonc NETSY_NODE_ID=node-1 \
   NETSY_TLS_CA=certs/ca.crt NETSY_TLS_CERT=certs/node-1.crt \
   NETSY_TLS_KEY=certs/node-1.key netsy-node --with-elector

It stops on SIGTERM or Ctrl-C, after answering what it has taken. Exit status 0
after such a stop, 78 if a setting or the cluster file is wrong, 1 after any other failure.`

func main() {
	os.Exit(daemon.Main(daemon.Program{
		Settings:    config.NodeProgram,
		Usage:       "serve etcd's API from object storage",
		Description: description,
		Flags: []cli.Flag{&cli.BoolFlag{
			Name: "with-elector", EnvVars: []string{"NETSY_WITH_ELECTOR"},
			Usage: "run an elector in this process too, for small deployments",
		}},
		Run: func(c *cli.Context, p *config.Process) error {
			return daemon.RunNode(c.Context, p, c.Bool("with-elector"), p.NewLogger("netsy-node", os.Stderr))
		},
	}))
}
