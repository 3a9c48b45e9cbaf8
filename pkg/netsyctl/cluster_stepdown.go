package netsyctl

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/netsy-io/netsy/pkg/handover"
	"github.com/netsy-io/netsy/pkg/registry"
)

// handOverWait is how long the commands wait by default for the next Primary: an election
// that has to be held again takes seconds.
const handOverWait = 30 * time.Second

func handOverFlags() []cli.Flag {
	return append(tlsFlags(), clusterFileFlag(), outputFlag(),
		&cli.DurationFlag{Name: "timeout", Value: handOverWait, DefaultText: handOverWait.String(), Usage: "how long to wait for the next Primary"})
}

func clusterStepDownCommand() *cli.Command {
	return &cli.Command{
		Name:  "step-down",
		Usage: "have the Primary hand over to another node, without stopping it",
		Description: `The Primary stops taking writes, brings everything into the object log and to another node, and ends
its reign; it goes on as a replica and a voter. The elector then chooses another node, as always the one
whose history is longest; the one that stepped down comes last among equals. Clients' writes wait meanwhile,
well under a second as a rule; open watches go on. If no other node could take over, or object storage
doesn't take everything within 5 s, the Primary refuses and reigns on. It isn't asked if no other node
says that it is healthy.

  netsyctl cluster step-down --config cluster.jsonc --tls-ca certs/ca.crt \
    --tls-cert certs/admin-alice.crt --tls-key certs/admin-alice.key
  netsyctl cluster step-down --context prod -o json`,
		Flags: handOverFlags(),
		Action: func(c *cli.Context) error {
			if err := noArgs(c); err != nil {
				return err
			}
			return runHandOver(c, "")
		},
	}
}

func clusterTransferCommand() *cli.Command {
	return &cli.Command{
		Name:      "transfer",
		Usage:     "have the Primary hand over to the node named, without stopping either",
		ArgsUsage: "NODE",
		Description: `As netsyctl cluster step-down, in favour of one node: the Primary waits until that node holds everything,
and among nodes with equal histories the elector then chooses it. Refused, with everything as it was,
if the node is not a member, doesn't follow the Primary, isn't a healthy voter that has caught up, doesn't
answer, or is the Primary itself. Fails, and says so, if another node was elected after all.

  netsyctl cluster transfer --context prod node-2`,
		Flags: handOverFlags(),
		Action: func(c *cli.Context) error {
			to, err := oneArg(c, "NODE")
			if err != nil {
				return err
			}
			return runHandOver(c, to)
		},
	}
}

func runHandOver(c *cli.Context, to string) error {
	if d := c.Duration("timeout"); d <= 0 {
		return wrongUse("--timeout must be above 0 (got %s)", d)
	}
	b, err := openBucket(c)
	if err != nil {
		return err
	}
	d, err := dialer(c, b.clusterID)
	if err != nil {
		return err
	}
	now, err := b.readCluster(c.Context)
	if err != nil {
		return err
	}
	nodes, problems, err := b.reg.NewNodeList().Refresh(c.Context)
	if err = errors.Join(append(problems, err)...); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(c.Context, c.Duration("timeout"))
	defer cancel()
	p := &progress{w: c.App.ErrWriter}
	done, err := handover.Run(ctx, handover.Request{Cluster: now, Nodes: nodes, Successor: to, Dialer: d, Progress: p.step})
	if done != nil {
		if serr := show(c, done, func(w io.Writer) { handOverTable(w, done) }); serr != nil {
			return serr
		}
	}
	return inContext(c, err)
}

// inContext says what an error of a hand-over means for whoever asked for it.
func inContext(c *cli.Context, err error) error {
	switch {
	case errors.Is(err, handover.ErrNobody):
		return fmt.Errorf("%w: look with netsyctl status, and at the elector's log", err)
	case errors.Is(err, handover.ErrUnknown):
		return fmt.Errorf("%w: look with netsyctl status", err)
	case c.Context.Err() != nil && err != nil:
		return fmt.Errorf("%w (interrupted: the Primary may have stepped down; look with netsyctl status)", err)
	}
	return err
}

func handOverTable(w io.Writer, r *handover.Result) {
	row(w, "before", fmt.Sprintf("%s, epoch %d", handOverRef(r.Before.Primary), r.Before.Epoch))
	if r.SteppedDown {
		row(w, "stepped down", fmt.Sprintf("at revision %d, after %s", r.Revision, seconds(r.DrainSeconds)))
	} else {
		row(w, "stepped down", "no")
	}
	if r.After == nil {
		row(w, "after", "nobody yet")
		return
	}
	row(w, "after", fmt.Sprintf("%s, epoch %d", handOverRef(r.After.Primary), r.After.Epoch))
	row(w, "without a Primary", "about "+seconds(r.Seconds))
}

func handOverRef(r registry.NodeRef) string { return r.NodeID + "/" + r.Incarnation }

func seconds(s float64) string {
	return time.Duration(s * float64(time.Second)).Round(time.Millisecond).String()
}
