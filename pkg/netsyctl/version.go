package netsyctl

import (
	"io"

	"github.com/urfave/cli/v2"

	"github.com/netsy-io/netsy/pkg/version"
)

func versionCommand() *cli.Command {
	return &cli.Command{
		Name:  "version",
		Usage: "print which build of netsyctl this is",
		Description: `The same as netsyctl --version; the other programs have --version, too. What nodes run is in
netsyctl status.

  netsyctl version
  netsyctl version -o json`,
		Flags: []cli.Flag{outputFlag()},
		Action: func(c *cli.Context) error {
			if err := noArgs(c); err != nil {
				return err
			}
			i := version.Get()
			return show(c, i, func(w io.Writer) { row(w, "netsyctl version "+i.String()) })
		},
	}
}
