package netsyctl

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"strconv"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/netsy-io/netsy/pkg/clusterview"
	"github.com/netsy-io/netsy/pkg/recovery"
)

func statusCommand() *cli.Command {
	return &cli.Command{
		Name:  "status",
		Usage: "show a cluster at a glance: who leads, how every node is, how far the log goes",
		Description: `Reads the bucket and, with an admin's certificate, asks every registered node. A node that doesn't
answer is shown as one that doesn't; without a certificate the bucket alone is shown. Fails if a
document can't be understood, after having shown the rest.

  netsyctl status --config cluster.jsonc
  netsyctl status --config cluster.jsonc --tls-ca certs/ca.crt \
    --tls-cert certs/admin-alice.crt --tls-key certs/admin-alice.key --watch
  netsyctl status --context prod -o json`,
		Flags: append(tlsFlags(), clusterFileFlag(), outputFlag(),
			&cli.BoolFlag{Name: "watch", Usage: "look again and again until Ctrl-C"},
			&cli.DurationFlag{Name: "interval", Value: 2 * time.Second, DefaultText: "2s", Usage: "how long --watch waits between two looks"}),
		Action: runStatus,
	}
}

func runStatus(c *cli.Context) error {
	if err := noArgs(c); err != nil {
		return err
	}
	const least = 100 * time.Millisecond // each look lists the bucket, which costs
	if d := c.Duration("interval"); d < least {
		return wrongUse("--interval must be at least %s (got %s)", least, d)
	}
	b, err := openBucket(c)
	if err != nil {
		return err
	}
	ask, err := mayAsk(c, b.clusterID)
	if err != nil {
		return err
	}
	look := func(ctx context.Context) error {
		v, err := b.view(ctx, ask)
		if err != nil {
			return err
		}
		if err := show(c, v, func(w io.Writer) { statusTable(w, v) }); err != nil {
			return err
		}
		return damagedDocuments(v)
	}
	if !c.Bool("watch") {
		return look(c.Context)
	}
	return watchStatus(c, look)
}

// mayAsk makes the questions to nodes, or none (nil) if nothing names a certificate.
func mayAsk(c *cli.Context, clusterID string) (recovery.Ask, error) {
	x, err := chosen(c)
	if err != nil || x.TLSCA == "" && x.TLSCert == "" && x.TLSKey == "" {
		return nil, err
	}
	return asker(c, clusterID)
}

// Of terminals: to the upper left, and to clear from there.
const toTop = "\x1b[H\x1b[J"

// watchStatus shows each look in the place of the last one. What is wrong for a while is shown
// in its place, too. For programs it writes one document after the other.
func watchStatus(c *cli.Context, look func(context.Context) error) error {
	out := c.App.Writer
	defer func() { c.App.Writer = out }()
	return every(c.Context, c.Duration("interval"), func(ctx context.Context) error {
		var b bytes.Buffer // written at once, lest it flicker
		if c.App.Writer = &b; forPeople(c) {
			fmt.Fprintf(&b, "%severy %s, %s; Ctrl-C ends it\n\n", toTop, c.Duration("interval"), showTime(time.Now()))
		} else if c.String("output") == formatYAML {
			b.WriteString("---\n")
		}
		if err := look(ctx); ctx.Err() != nil {
			return err // what is half seen isn't shown
		} else if err != nil && forPeople(c) {
			fmt.Fprintf(&b, "\n%v\n", err)
		} else if err != nil {
			fmt.Fprintln(c.App.ErrWriter, "netsyctl:", err)
		}
		_, err := out.Write(b.Bytes())
		return err
	})
}

// every calls fn at once and then with a pause between two calls, until ctx ends, which is
// no error, or fn fails.
func every(ctx context.Context, pause time.Duration, fn func(context.Context) error) error {
	for {
		if err := fn(ctx); ctx.Err() != nil {
			return nil
		} else if err != nil {
			return err
		}
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(pause):
		}
	}
}

func statusTable(w io.Writer, v *clusterview.View) {
	row(w, "cluster", v.ClusterID+" in "+v.Store)
	row(w, "elector", fmt.Sprintf("%s (office %d)", v.Elector, v.Office))
	row(w, "primary", fmt.Sprintf("%s, epoch %d", v.Primary, v.Epoch))
	row(w, "durability", v.Durability.String())
	row(w, "object log", v.ObjectLog.String())
	row(w, "not in it", unflushed(v))
	row(w, "snapshot", v.Snapshot.String())
	row(w, "compacted", fmt.Sprintf("to revision %d", v.CompactionRevision))
	row(w, "compactor", v.Compactor.String())
	row(w, "nodes", answers(v))
	row(w)
	row(w, "NODE", "ROLE", "HEALTH", "STATE", "REVISION", "EPOCH", "LAG", "VERSION", "NOTE")
	for i := range v.Nodes {
		stateRow(w, &v.Nodes[i])
	}
	problemRows(w, v.Problems)
}

// unflushed says what is acknowledged and not in the object log yet.
func unflushed(v *clusterview.View) string {
	switch {
	case v.Unflushed == nil:
		return "unknown: the Primary wasn't asked or doesn't answer"
	case *v.Unflushed == 0:
		return "nothing"
	case v.OldestUnflushedSeconds != nil:
		return fmt.Sprintf("%s, %d bytes, the oldest for %s", plural(int(*v.Unflushed), "revision"), *v.UnflushedBytes, seconds(*v.OldestUnflushedSeconds))
	case v.ObjectLog == nil || v.ObjectLog.Written == nil:
		return plural(int(*v.Unflushed), "revision")
	}
	return fmt.Sprintf("%s, since about %s", plural(int(*v.Unflushed), "revision"), showTime(*v.ObjectLog.Written))
}

func answers(v *clusterview.View) string {
	answer, registered := 0, 0
	for i := range v.Nodes {
		if v.Nodes[i].Registered {
			registered++
		}
		if v.Nodes[i].State != nil {
			answer++
		}
	}
	if !v.Asked {
		return fmt.Sprintf("%d registered; not asked: an admin's certificate is needed (--tls-ca, --tls-cert, --tls-key)", registered)
	}
	return fmt.Sprintf("%d of %d answer", answer, registered)
}

// stateRow is a node's line: what it says of itself, or that it says nothing.
func stateRow(w io.Writer, n *clusterview.Node) {
	s := n.State
	switch {
	case !n.Registered:
		row(w, n.NodeID, roles(n), "gone", "-", "-", "-", "-", "-", "incarnation "+n.Incarnation+" is not registered any more")
	case s == nil && n.Error == "":
		row(w, n.NodeID, roles(n), "not asked", "-", "-", "-", "-", orDash(n.Version), "-")
	case s == nil:
		row(w, n.NodeID, roles(n), "unreachable", "-", "-", "-", "-", orDash(n.Version), n.Error)
	default:
		note := s.Reason
		if s.Leaving {
			note = "leaving " + note
		}
		row(w, n.NodeID, roles(n), s.Health, s.PrimaryState, strconv.FormatInt(int64(s.Revision), 10), strconv.FormatInt(int64(s.Epoch), 10),
			strconv.FormatInt(s.Lag, 10), orDash(n.Version), orDash(note))
	}
}
