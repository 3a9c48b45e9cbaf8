// Command bench measures Netsy beside etcd and kine in one run: the same load, the same
// disk, TLS on all, interleaved, servers in processes of their own. README.md says how
// to read it.
//
//	go run . -quick
//	go run . -targets etcd-3,netsy-3 -shapes create,update -clients 64
package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"slices"
	"strconv"
	"strings"
	"time"
)

func main() {
	if len(os.Args) > 1 && os.Args[1] == serveArg {
		exit(serve(os.Args[2:]))
	}
	o, err := parse(os.Args[1:])
	if errors.Is(err, flag.ErrHelp) {
		return
	}
	if err == nil {
		ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
		defer stop()
		err = run(ctx, o)
	}
	exit(err)
}

func exit(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
	os.Exit(0)
}

// options is what is asked for.
type options struct {
	targets, shapes []string // empty: all
	clients, sizes  []int    // empty: what each shape has
	duration        time.Duration
	rounds          int
	quick           bool
	dir             string
	json            string
	profiles        string
}

func parse(args []string) (o options, err error) {
	f := flag.NewFlagSet("bench", flag.ContinueOnError)
	list := func(name, usage string, into *[]string) {
		f.Func(name, usage, func(s string) error { *into = strings.Split(s, ","); return nil })
	}
	numbers := func(name, usage string, into *[]int) {
		f.Func(name, usage, func(s string) error {
			for _, p := range strings.Split(s, ",") {
				n, err := strconv.Atoi(p)
				if err != nil || n < 1 {
					return fmt.Errorf("%q is not a number above 0", p)
				}
				*into = append(*into, n)
			}
			return nil
		})
	}
	list("targets", "servers, separated by commas (default all: "+strings.Join(kindNames(), ",")+")", &o.targets)
	list("shapes", "kinds of load (default all: "+strings.Join(shapeNames(), ",")+")", &o.shapes)
	numbers("clients", "concurrent clients, or watchers (default: what each shape has)", &o.clients)
	numbers("value", "bytes of each value (default: what each shape has)", &o.sizes)
	f.DurationVar(&o.duration, "duration", 0, "length of a measurement (default 3s; 1s with -quick)")
	f.IntVar(&o.rounds, "rounds", 0, "measurements of each server, interleaved; the table has their medians (default 5; 3 with -quick)")
	f.BoolVar(&o.quick, "quick", false, "fewer clients and sizes, shorter: minutes")
	f.StringVar(&o.dir, "dir", "", "where the servers keep their data (default: a temporary directory); its disk counts")
	f.StringVar(&o.json, "json", "", "file for all samples")
	f.StringVar(&o.profiles, "profiles", "", "directory for a processor profile of Netsy in each last round")
	if err := f.Parse(args); err != nil {
		return o, err
	}
	if o.duration == 0 {
		o.duration = map[bool]time.Duration{true: quickDuration, false: fullDuration}[o.quick]
	}
	if o.rounds == 0 {
		o.rounds = map[bool]int{true: 3, false: 5}[o.quick]
	}
	for _, s := range o.shapes {
		if !slices.Contains(shapeNames(), s) {
			return o, fmt.Errorf("-shapes: there is no %q; there are %s", s, strings.Join(shapeNames(), ", "))
		}
	}
	return o, nil
}

func shapeNames() (names []string) {
	for _, s := range shapes {
		names = append(names, s.name)
	}
	return names
}

// contains says whether a name is asked for; none asks for all.
func contains(names []string, name string) bool {
	return len(names) == 0 || slices.Contains(names, name)
}

// progress is where people see what is being done; results go to standard output.
var progress = os.Stderr

func say(format string, args ...any) {
	fmt.Fprintf(progress, "%s "+format+"\n", append([]any{time.Now().Format("15:04:05")}, args...)...)
}

func writeJSON(path string, results []*result) error {
	b, err := json.MarshalIndent(results, "", "  ")
	if err != nil {
		return err
	}
	return os.WriteFile(path, append(b, '\n'), 0o644)
}
