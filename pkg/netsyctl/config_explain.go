package netsyctl

import (
	"fmt"

	"github.com/urfave/cli/v2"

	"github.com/netsy-io/netsy/pkg/config"
)

func configExplainCommand() *cli.Command {
	return &cli.Command{
		Name:      "explain",
		Usage:     "explain settings: all, a section's or one",
		ArgsUsage: "[SETTING]",
		Description: `Without an argument, every setting of a process and of the cluster file.

  netsyctl config explain
  netsyctl config explain replication
  netsyctl config explain storage.kms_key_id
  netsyctl config explain NETSY_ADVERTISE_CLIENT`,
		Action: func(c *cli.Context) error {
			name := ""
			if c.Args().Present() {
				var err error
				if name, err = oneArg(c, "SETTING"); err != nil {
					return err
				}
			}
			text, ok := config.Explain(name)
			if !ok {
				return fmt.Errorf("there is no setting %q; %s", name, orAll(text))
			}
			_, err := fmt.Fprint(c.App.Writer, text)
			return err
		},
	}
}

func orAll(suggestion string) string {
	if suggestion == "" {
		return "netsyctl config explain lists them all"
	}
	return suggestion
}
