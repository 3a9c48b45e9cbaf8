package daemon

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"github.com/urfave/cli/v2"

	"github.com/netsy-io/netsy/pkg/config"
	"github.com/netsy-io/netsy/pkg/version"
)

// Program is the command line of a server.
type Program struct {
	Settings           config.Program // which settings it has
	Usage, Description string
	Flags              []cli.Flag // beside its settings
	Run                func(*cli.Context, *config.Process) error
}

// Main runs p with the process's arguments until it ends or SIGINT or SIGTERM comes,
// and returns the exit status. A second signal kills.
func Main(p Program) int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	context.AfterFunc(ctx, stop)
	if err := p.app().RunContext(ctx, os.Args); err != nil {
		fmt.Fprintf(os.Stderr, "%s: %v\n", p.Settings, err)
		return 1
	}
	return 0
}

func (p Program) app() *cli.App {
	return &cli.App{
		Name: p.Settings.String(), Usage: p.Usage, Description: p.Description, Version: version.String(),
		Flags:           append(config.Flags(p.Settings), p.Flags...),
		HideHelpCommand: true,
		Action: func(c *cli.Context) error {
			proc, err := config.FromFlags(p.Settings, c)
			if err != nil {
				return err
			}
			if c.Bool("validate") {
				fmt.Fprintln(c.App.Writer, "the settings are valid")
				return nil
			}
			return p.Run(c, proc)
		},
	}
}
