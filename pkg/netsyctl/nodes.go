package netsyctl

import (
	"io"
	"strconv"
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/netsy-io/netsy/pkg/clusterview"
)

func nodesCommand() *cli.Command {
	return &cli.Command{
		Name:  "nodes",
		Usage: "list the nodes: where they are, which life of each, and how it is",
		Description: `Lists what is registered, and the voters that are not. With an admin's certificate every node is
asked how it is, as by netsyctl status.

  netsyctl nodes --config cluster.jsonc
  netsyctl nodes --context prod -o yaml`,
		Flags: append(tlsFlags(), clusterFileFlag(), outputFlag()),
		Action: func(c *cli.Context) error {
			if err := noArgs(c); err != nil {
				return err
			}
			b, err := openBucket(c)
			if err != nil {
				return err
			}
			ask, err := mayAsk(c, b.clusterID)
			if err != nil {
				return err
			}
			v, err := b.view(c.Context, ask)
			if err != nil {
				return err
			}
			if err := show(c, v.Nodes, func(w io.Writer) { nodesTable(w, v) }); err != nil {
				return err
			}
			return damagedDocuments(v)
		},
	}
}

func nodesTable(w io.Writer, v *clusterview.View) {
	row(w, "NODE", "INCARNATION", "STARTS", "ROLE", "HEALTH", "VERSION", "STARTED", "CLIENT", "PEER")
	for i := range v.Nodes {
		n := &v.Nodes[i]
		health, started := "not asked", "-"
		switch {
		case n.State != nil:
			health, started = n.State.Health, showTime(n.State.Started)
		case !n.Registered:
			health = "gone"
		case n.Error != "":
			health = "unreachable"
		}
		row(w, n.NodeID, n.Incarnation, strconv.FormatInt(n.StartCount, 10), roles(n), health, orDash(n.Version), started,
			orDash(strings.Join(n.ClientURLs, ",")), orDash(strings.Join(n.PeerURLs, ",")))
	}
	problemRows(w, v.Problems)
}
