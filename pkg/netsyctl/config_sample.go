package netsyctl

import (
	"fmt"

	"github.com/urfave/cli/v2"

	"github.com/netsy-io/netsy/pkg/config"
)

func configSampleCommand() *cli.Command {
	return &cli.Command{
		Name:  "sample",
		Usage: "print a whole cluster file, with every default and its explanation",
		Description: `  netsyctl config sample > cluster.jsonc

Change cluster_id and storage; everything else may stay or go.`,
		Action: func(c *cli.Context) error {
			if err := noArgs(c); err != nil {
				return err
			}
			_, err := fmt.Fprint(c.App.Writer, config.Sample())
			return err
		},
	}
}
