// Command netsyctl administers Netsy clusters.
package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"github.com/netsy-io/netsy/pkg/netsyctl"
)

func main() {
	if err := Run(context.Background(), os.Args); err != nil {
		fmt.Fprintln(os.Stderr, "netsyctl:", err)
		os.Exit(netsyctl.ExitStatus(err))
	}
}

// Run runs one command. SIGINT and SIGTERM end its context; a second one ends the
// process, since the first restores the default.
func Run(ctx context.Context, args []string) error {
	ctx, stop := signal.NotifyContext(ctx, os.Interrupt, syscall.SIGTERM)
	defer stop()
	context.AfterFunc(ctx, stop)
	return netsyctl.App().RunContext(ctx, args)
}
