// Command netsy-compactor turns a cluster's object log into snapshots and frees what they
// supersede. Any number may run; one works at a time.
package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"text/tabwriter"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/netsy-io/netsy/pkg/compactor"
	"github.com/netsy-io/netsy/pkg/config"
	"github.com/netsy-io/netsy/pkg/daemon"
)

const description = `A compactor needs nothing but the bucket that the cluster file names, and some local
disk for the snapshot in the making. It can be killed at any time.

   NETSY_CONFIG=/etc/netsy/cluster.jsonc netsy-compactor            # a service
   NETSY_CONFIG=/etc/netsy/cluster.jsonc netsy-compactor --once     # for timers and CronJobs
   NETSY_CONFIG=/etc/netsy/cluster.jsonc netsy-compactor --dry-run  # look, change nothing

Each pass writes a snapshot if one of the thresholds in the cluster file's section
"snapshot" is passed, and frees what two sound snapshots supersede once it is older
than the retention there. A service makes a pass each --interval; it remembers which
snapshots it has read, so it reads each one once. With --once that memory is lost:
two snapshots may be read whole in each pass that has something to free.

Exit status of --once and --dry-run: 0 if the pass was made, also if there was nothing
to do or another compactor has or took the lock; 1 after any failure, also if work
could go on around it, such as around a corrupt snapshot. A service: 0 after SIGTERM
or Ctrl-C, 1 after a failure that waiting can't mend. In any case 78 if a setting or the
cluster file is wrong.`

func main() {
	os.Exit(daemon.Main(daemon.Program{
		Settings:    config.CompactorProgram,
		Usage:       "turn the object log into snapshots and free what they supersede",
		Description: description,
		Flags: []cli.Flag{
			&cli.BoolFlag{Name: "once", Usage: "make one pass and exit"},
			&cli.DurationFlag{Name: "interval", EnvVars: []string{"NETSY_COMPACTOR_INTERVAL"}, Value: compactor.DefaultInterval, Usage: "time between the passes of a service"},
			&cli.BoolFlag{Name: "dry-run", Usage: "print what a pass would do, and change nothing"},
			&cli.StringFlag{Name: "output", Aliases: []string{"o"}, Value: "table", Usage: "of --once and --dry-run: table or json"},
			&cli.StringFlag{Name: "dir", EnvVars: []string{"NETSY_COMPACTOR_DIR"}, Usage: "directory for the snapshot in the making (default: the system's for temporary files)"},
		},
		Run: run,
	}))
}

func run(c *cli.Context, p *config.Process) error {
	if err := check(c); err != nil {
		return &daemon.Misconfigured{Err: err}
	}
	log := p.NewLogger("netsy-compactor", os.Stderr)
	switch {
	case c.Bool("dry-run"):
		plan, err := daemon.PlanCompaction(c.Context, p, log)
		if err != nil {
			return err
		}
		return show(c, plan, printPlan)
	case c.Bool("once"):
		report, err := daemon.CompactOnce(c.Context, p, c.String("dir"), log)
		if report.Outcome == "" {
			return err
		}
		return errors.Join(err, show(c, report, func(w io.Writer, r compactor.Report) error {
			_, err := fmt.Fprintln(w, r)
			return err
		}))
	default:
		return daemon.RunCompactor(c.Context, p, c.Duration("interval"), c.String("dir"), log)
	}
}

func check(c *cli.Context) error {
	switch out := c.String("output"); {
	case c.NArg() > 0:
		return fmt.Errorf("unexpected argument %q", c.Args().First())
	case c.Duration("interval") < time.Second:
		return fmt.Errorf("--interval must be at least 1s (got %v): each pass asks object storage", c.Duration("interval"))
	case out != "table" && out != "json":
		return fmt.Errorf("--output must be table or json (got %q)", out)
	}
	return nil
}

func show[T any](c *cli.Context, v T, table func(io.Writer, T) error) error {
	if c.String("output") == "json" {
		enc := json.NewEncoder(c.App.Writer)
		enc.SetIndent("", "  ")
		return enc.Encode(v)
	}
	return table(c.App.Writer, v)
}

func printPlan(out io.Writer, p compactor.Plan) error {
	if p.NoCluster {
		_, err := fmt.Fprintln(out, "there is no cluster.json yet: nothing to do")
		return err
	}
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintf(w, "snapshots\t%v\n", p.Snapshots)
	fmt.Fprintf(w, "beyond the newest\t%d revisions, %d bytes of chunks, %v old\n", p.Beyond.Records, p.Beyond.Size, p.Beyond.Age.Truncate(time.Second))
	if p.Write > 0 {
		fmt.Fprintf(w, "write\tsnapshot %d: %s\n", p.Write, p.Because)
	} else {
		fmt.Fprintf(w, "write\tno snapshot: no threshold is reached\n")
	}
	if len(p.Prove) > 0 {
		fmt.Fprintf(w, "read first\tsnapshots %v: nothing is freed unless they are sound\n", p.Prove)
	}
	fmt.Fprintf(w, "free\t%d objects, judged at %s by the store's clock\n", len(p.Steps), p.Now.UTC().Format(time.RFC3339))
	if len(p.Steps) > 0 {
		fmt.Fprintf(w, "\nSTEP\tOBJECT\tBYTES\n")
	}
	for _, s := range p.Steps {
		fmt.Fprintf(w, "%s\t%s\t%d\n", s.Action, s.Key, s.Size)
	}
	return w.Flush()
}
