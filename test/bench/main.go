// Command bench measures Netsy beside etcd and kine in one run: the same load, the same
// disk, TLS on all, interleaved, servers in processes of their own. README.md says how
// to read it.
//
//	go run . -quick
//	go run . -targets etcd-3,netsy-3 -shapes create,update -clients 64
package main

import (
	"cmp"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"slices"
	"strconv"
	"strings"
	"syscall"
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
		ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
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
	keys            int           // of the memory shape, twice
	requestsFor     time.Duration // of the requests shape
	dir             string
	json            string
	profiles        string
	out             io.Writer // of the tables
}

func (o options) settling() settling {
	if o.quick {
		return settlingBriefly
	}
	return settlingFully
}

func parse(args []string) (o options, err error) {
	o.out = os.Stdout
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
	f.DurationVar(&o.duration, "duration", 0, "length of a measurement (default 2s; 400ms with -quick)")
	f.IntVar(&o.rounds, "rounds", 0, "measurements of each server, interleaved; the table has their medians (default 5; 3 with -quick)")
	f.BoolVar(&o.quick, "quick", false, "fewer clients and sizes, shorter: minutes")
	f.StringVar(&o.dir, "dir", "", "where the servers keep their data (default: a temporary directory); its disk counts")
	f.StringVar(&o.json, "json", "", "file for all samples")
	f.IntVar(&o.keys, "keys", 0, "keys of the memory shape, which has them once and twice (default 100000; 10000 with -quick)")
	f.DurationVar(&o.requestsFor, "requests-for", 0, "how long the requests shape counts, idle and at work (default 60s; 6s with -quick)")
	f.StringVar(&o.profiles, "profiles", "", "directory for profiles of Netsy in each last round: processor, allocations, heap, waiting")
	if err := f.Parse(args); err != nil {
		return o, err
	}
	o.setDefaults()
	return o, errors.Join(checkNames("shapes", o.shapes, shapeNames()), checkNames("targets", o.targets, kindNames()))
}

func (o *options) setDefaults() {
	d := options{duration: fullDuration, rounds: 5, keys: 100_000, requestsFor: time.Minute}
	if o.quick {
		d = options{duration: quickDuration, rounds: 3, keys: 10_000, requestsFor: 6 * time.Second}
	}
	o.duration, o.rounds = cmp.Or(o.duration, d.duration), cmp.Or(o.rounds, d.rounds)
	o.keys, o.requestsFor = cmp.Or(o.keys, d.keys), cmp.Or(o.requestsFor, d.requestsFor)
}

func shapeNames() (names []string) {
	for _, s := range shapes {
		names = append(names, s.name)
	}
	for _, s := range studies {
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
