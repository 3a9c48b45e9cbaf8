package netsyctl

import "github.com/urfave/cli/v2"

func configCommand() *cli.Command {
	return &cli.Command{
		Name:  "config",
		Usage: "write, check and explain configuration",
		Description: `A cluster has one file, the same for every process; what is a process's own comes from its
environment or flags.

  netsyctl config sample > cluster.jsonc
  netsyctl config validate cluster.jsonc
  netsyctl config explain storage`,
		Subcommands: []*cli.Command{
			configValidateCommand(),
			configExplainCommand(),
			configSampleCommand(),
			configSchemaCommand(),
		},
	}
}
