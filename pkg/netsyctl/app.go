// Package netsyctl holds the commands of the admin CLI, one file each.
package netsyctl

import (
	"slices"
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/netsy-io/netsy/pkg/version"
)

// App assembles the commands. Errors are returned to the caller, never exited with.
func App() *cli.App {
	app := &cli.App{
		Name:  "netsyctl",
		Usage: "administer Netsy clusters",
		Description: `Start here:

  netsyctl dev                                   run a local cluster and try it
  netsyctl config sample > cluster.jsonc         write a cluster file, then edit it
  netsyctl config validate cluster.jsonc         find every mistake in it
  netsyctl cert ca --cluster-id dev-cluster      make a certificate authority in ./certs
  netsyctl cert node --dns node-1.local node-1   issue node-1's certificate

Each command's --help has examples. Flags go before arguments.`,
		Commands: []*cli.Command{
			devCommand(),
			statusCommand(),
			nodesCommand(),
			membersCommand(),
			logCommand(),
			datafileCommand(),
			certCommand(),
			configCommand(),
			clusterCommand(),
			verifyCommand(),
			snapshotCommand(),
			restoreCommand(),
			importCommand(),
			exportCommand(),
			contextCommand(),
			costCommand(),
			completionCommand(),
			versionCommand(),
		},
		Version:              version.Get().String(),
		HideHelpCommand:      true,
		Suggest:              true,
		EnableBashCompletion: true,
		OnUsageError:         usageError,
		ExitErrHandler:       func(*cli.Context, error) {},
		Action:               noCommand,
	}
	prepare(app.Commands)
	return app
}

// prepare gives every command, however deep, the same manners.
func prepare(commands []*cli.Command) {
	for _, c := range commands {
		c.OnUsageError, c.HideHelpCommand = usageError, true
		if len(c.Subcommands) > 0 && c.Action == nil {
			c.Action = noCommand
		}
		if slices.ContainsFunc(c.Flags, func(f cli.Flag) bool { return f.Names()[0] == "config" }) {
			c.Flags = append(c.Flags, contextFlag())
		}
		prepare(c.Subcommands)
	}
}

func usageError(c *cli.Context, err error, _ bool) error {
	return wrongUse("%w (see %s --help)", err, c.Command.HelpName)
}

// noCommand runs where a subcommand is needed: it shows the help, or says that
// there is none of the name given.
func noCommand(c *cli.Context) error {
	if c.Args().Present() {
		return wrongUse("there is no command %q (see %s --help)", c.Args().First(), c.Command.HelpName)
	}
	return cli.ShowSubcommandHelp(c)
}

// oneArg returns the command's only argument. The flag package stops at the first
// argument, so flags after it would be lost: that is an error rather than a surprise.
func oneArg(c *cli.Context, name string) (string, error) {
	for _, a := range c.Args().Tail() {
		if strings.HasPrefix(a, "-") {
			return "", wrongUse("flags go before %s: put %s first", name, a)
		}
	}
	if c.NArg() != 1 {
		return "", wrongUse("want exactly one argument, %s, got %d (see %s --help)", name, c.NArg(), c.Command.HelpName)
	}
	return c.Args().First(), nil
}

func noArgs(c *cli.Context) error {
	if c.Args().Present() {
		return wrongUse("want no arguments, got %q (see %s --help)", c.Args().First(), c.Command.HelpName)
	}
	return nil
}
