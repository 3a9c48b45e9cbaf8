package netsyctl

import "github.com/urfave/cli/v2"

func importCommand() *cli.Command {
	return &cli.Command{
		Name:  "import",
		Usage: "begin a cluster with data from elsewhere",
		Description: `  netsyctl import etcd --snapshot backup.db --config cluster.jsonc

docs/migration.md goes through it step by step.`,
		Subcommands: []*cli.Command{importEtcdCommand()},
	}
}

func exportCommand() *cli.Command {
	return &cli.Command{
		Name:  "export",
		Usage: "write a cluster's data for others",
		Description: `  netsyctl export etcd --out backup.db --config cluster.jsonc

docs/migration.md goes through it step by step.`,
		Subcommands: []*cli.Command{exportEtcdCommand()},
	}
}
