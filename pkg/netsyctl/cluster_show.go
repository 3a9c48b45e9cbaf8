package netsyctl

import (
	"context"
	"fmt"
	"io"
	"strconv"
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/netsy-io/netsy/pkg/clusterview"
	"github.com/netsy-io/netsy/pkg/record"
	"github.com/netsy-io/netsy/pkg/recovery"
)

func clusterShowCommand() *cli.Command {
	return &cli.Command{
		Name:  "show",
		Usage: "show what the bucket says: who reigns, by which rule, who is registered, how far the log goes",
		Description: `Reads the bucket and nothing else: whether a node lives is not in it. Fails if a document can't be
understood, after having shown the rest.

  netsyctl cluster show --config cluster.jsonc
  netsyctl cluster show --config cluster.jsonc -o json`,
		Flags: []cli.Flag{clusterFileFlag(), outputFlag()},
		Action: func(c *cli.Context) error {
			if err := noArgs(c); err != nil {
				return err
			}
			b, err := openBucket(c)
			if err != nil {
				return err
			}
			v, err := b.view(c.Context, nil)
			if err != nil {
				return err
			}
			if err := show(c, v, func(w io.Writer) { clusterTable(w, v) }); err != nil {
				return err
			}
			return damagedDocuments(v)
		},
	}
}

// view looks at the cluster; without ask, at the bucket alone.
func (b *bucket) view(ctx context.Context, ask recovery.Ask) (*clusterview.View, error) {
	v, err := clusterview.Look(ctx, b.store, b.clusterID, ask)
	return v, b.inWords(err)
}

// damagedDocuments fails if something couldn't be read, which has been shown.
func damagedDocuments(v *clusterview.View) error {
	if n := len(v.Problems); n > 0 {
		return fmt.Errorf("%s: %s", v.Store, plural(n, "problem"))
	}
	return nil
}

func clusterTable(w io.Writer, v *clusterview.View) {
	row(w, "cluster", v.ClusterID+" in "+v.Store)
	row(w, "epoch", fmt.Sprintf("%d (office %d)", v.Epoch, v.Office))
	row(w, "primary", v.Primary.String())
	row(w, "durability", v.Durability.String())
	row(w, "compacted to", fmt.Sprintf("revision %d", v.CompactionRevision))
	row(w, "began with", showOrigin(v.Origin))
	row(w, "elector", v.Elector.String())
	row(w, "object log", v.ObjectLog.String())
	row(w)
	row(w, "NODE", "INCARNATION", "ROLE", "STARTS", "VERSION", "CLIENT", "PEER", "MEMBER ID")
	for i := range v.Nodes {
		registrationRow(w, &v.Nodes[i])
	}
	problemRows(w, v.Problems)
}

func problemRows(w io.Writer, problems []string) {
	for _, p := range problems {
		row(w)
		row(w, "PROBLEM", p)
	}
}

// roles of a node by cluster.json.
func roles(n *clusterview.Node) string {
	var all []string
	if n.Primary {
		all = append(all, "primary")
	}
	if n.Voter {
		all = append(all, "voter")
	}
	return orDash(strings.Join(all, ","))
}

func registrationRow(w io.Writer, n *clusterview.Node) {
	if !n.Registered {
		row(w, n.NodeID, n.Incarnation, roles(n), "not registered")
		return
	}
	row(w, n.NodeID, n.Incarnation, roles(n), strconv.FormatInt(n.StartCount, 10), orDash(n.Version),
		strings.Join(n.ClientURLs, ","), strings.Join(n.PeerURLs, ","), strconv.FormatUint(n.MemberID, 16))
}

// showOrigin says what history the cluster began with.
func showOrigin(origin record.Revision) string {
	if origin == 0 {
		return "nothing"
	}
	return fmt.Sprintf("a history up to revision %d", origin)
}

func orDash(s string) string {
	if s == "" {
		return "-"
	}
	return s
}
