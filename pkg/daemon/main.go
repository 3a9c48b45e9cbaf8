package daemon

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"github.com/hashicorp/go-hclog"
	"github.com/urfave/cli/v2"

	"github.com/netsy-io/netsy/pkg/config"
	"github.com/netsy-io/netsy/pkg/logevent"
	"github.com/netsy-io/netsy/pkg/version"
)

// Program is the command line of a server.
type Program struct {
	Settings           config.Program // which settings it has
	Usage, Description string
	Flags              []cli.Flag // beside its settings
	Run                func(*cli.Context, *config.Process) error
}

// Exit statuses. A service manager may start a process again that ended with StatusFailure:
// what it needs may be there the next time. StatusConfig, sysexits' EX_CONFIG, says that it
// would fail in the same way until somebody changes a setting or the cluster file.
const (
	StatusOK      = 0
	StatusFailure = 1
	StatusConfig  = 78
)

// Misconfigured is an error of what the process was told.
type Misconfigured struct{ Err error }

func (m *Misconfigured) Error() string { return m.Err.Error() }
func (m *Misconfigured) Unwrap() error { return m.Err }

// statusOf is the exit status after err. Mistakes in the configuration count only if time
// can't mend any of them: files that others deliver, certificates above all, may come later.
func statusOf(err error) int {
	var problems config.Problems
	switch {
	case err == nil:
		return StatusOK
	case errors.As(err, new(*Misconfigured)):
		return StatusConfig
	case errors.As(err, &problems) && problems.Lasting():
		return StatusConfig
	}
	return StatusFailure
}

// unlessGivenUp is err of a service's start, nil if ctx's end is all that it is about: who
// stops a service while it starts has stopped it.
func unlessGivenUp(ctx context.Context, log hclog.Logger, err error) error {
	if err == nil || ctx.Err() == nil || !errors.Is(err, context.Canceled) && !errors.Is(err, context.Cause(ctx)) {
		return err
	}
	log.Info("stopped during the start", "event", logevent.StartGivenUp, "error", err)
	return nil
}

// Main runs p with the process's arguments until it ends or SIGINT or SIGTERM comes,
// and returns the exit status. A second signal kills.
func Main(p Program) int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	context.AfterFunc(ctx, stop)
	err := p.run(ctx, os.Args)
	if err != nil {
		fmt.Fprintf(os.Stderr, "%s: %v\n", p.Settings, err)
	}
	return statusOf(err)
}

// run runs p. An error that comes before its action is one of the flags.
func (p Program) run(ctx context.Context, args []string) error {
	begun := false
	err := p.app(func() { begun = true }).RunContext(ctx, args)
	if err != nil && !begun {
		return &Misconfigured{err}
	}
	return err
}

func (p Program) app(begins func()) *cli.App {
	return &cli.App{
		Name: p.Settings.String(), Usage: p.Usage, Description: p.Description, Version: version.Get().String(),
		Flags:           append(config.Flags(p.Settings), p.Flags...),
		HideHelpCommand: true,
		// One message, as for any other mistake.
		OnUsageError: func(_ *cli.Context, err error, _ bool) error { return fmt.Errorf("%w (see --help)", err) },
		Action: func(c *cli.Context) error {
			begins()
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
