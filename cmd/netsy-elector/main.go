// Command netsy-elector watches the data nodes of a cluster and picks the Primary.
// Any number may run; one is in office at a time.
package main

import (
	"os"

	"github.com/urfave/cli/v2"

	"github.com/netsy-io/netsy/pkg/config"
	"github.com/netsy-io/netsy/pkg/daemon"
)

const description = `Electors need nothing but the bucket that the cluster file names and a way to the
nodes' peer ports. They keep nothing: any of them can be killed at any time.

   NETSY_CONFIG=/etc/netsy/cluster.jsonc NETSY_NODE_ID=elector-1 \
   NETSY_TLS_CA=certs/ca.crt NETSY_TLS_CERT=certs/elector-elector-1.crt \
   NETSY_TLS_KEY=certs/elector-elector-1.key netsy-elector

It stops on SIGTERM or Ctrl-C and gives its office back at once. Exit status 0
after such a stop, 78 if a setting or the cluster file is wrong, 1 after any other failure.`

func main() {
	os.Exit(daemon.Main(daemon.Program{
		Settings:    config.ElectorProgram,
		Usage:       "watch the data nodes and pick the Primary",
		Description: description,
		Run: func(c *cli.Context, p *config.Process) error {
			return daemon.RunElector(c.Context, p, p.NewLogger("netsy-elector", os.Stderr))
		},
	}))
}
