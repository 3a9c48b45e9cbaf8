package netsyctl

import (
	"github.com/urfave/cli/v2"

	"github.com/netsy-io/netsy/pkg/config"
)

func configSchemaCommand() *cli.Command {
	return &cli.Command{
		Name:  "schema",
		Usage: "print a JSON Schema of the cluster file",
		Description: `For editors, and for checks that run where netsyctl doesn't. Comments and trailing commas are beyond a
schema: a validator must take JSON with comments, or be given the file without them. netsyctl config
validate checks more: durations' ranges, and settings that contradict each other.

  netsyctl config schema > cluster.schema.json`,
		Action: func(c *cli.Context) error {
			if err := noArgs(c); err != nil {
				return err
			}
			b, err := config.Schema()
			if err != nil {
				return err
			}
			_, err = c.App.Writer.Write(b)
			return err
		},
	}
}
