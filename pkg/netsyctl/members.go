package netsyctl

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/netsy-io/netsy/pkg/registry"
)

func membersCommand() *cli.Command {
	return &cli.Command{
		Name:  "members",
		Usage: "list the members as etcd clients see them, and those that were",
		Description: `Every node that was ever seen has a member id for ever. Clients are told the members that are
registered; etcdctl member list shows the same ones.

  netsyctl members --config cluster.jsonc
  netsyctl members --config cluster.jsonc -o json`,
		Flags: []cli.Flag{clusterFileFlag(), outputFlag()},
		Action: func(c *cli.Context) error {
			if err := noArgs(c); err != nil {
				return err
			}
			b, err := openBucket(c)
			if err != nil {
				return err
			}
			list, err := b.members(c.Context)
			if list != nil {
				if err := show(c, list, func(w io.Writer) { membersTable(w, list) }); err != nil {
					return err
				}
			}
			return err
		},
	}
}

type shownMember struct {
	MemberID   uint64   `json:"member_id,string"` // a string: JSON's numbers are not this precise
	NodeID     string   `json:"node_id"`
	Registered bool     `json:"registered"`
	PeerURLs   []string `json:"peer_urls"`
	ClientURLs []string `json:"client_urls"`
}

// members lists them by node id. With damaged registrations it returns the others, and
// an error.
func (b *bucket) members(ctx context.Context) ([]shownMember, error) {
	m, err := b.reg.Members(ctx)
	if err != nil {
		return nil, b.inWords(err)
	}
	nodes, problems, err := b.reg.NewNodeList().Refresh(ctx)
	if err != nil {
		return nil, err
	}
	list := []shownMember{}
	for id, member := range m.IDs {
		x := shownMember{MemberID: member, NodeID: id, PeerURLs: []string{}, ClientURLs: []string{}}
		if i := slices.IndexFunc(nodes, func(n registry.Node) bool { return n.NodeID == id }); i >= 0 {
			x.Registered, x.PeerURLs, x.ClientURLs = true, nodes[i].PeerURLs, nodes[i].ClientURLs
		}
		list = append(list, x)
	}
	for _, n := range nodes { // registered, and not given an id yet
		if _, ok := m.IDs[n.NodeID]; !ok {
			list = append(list, shownMember{NodeID: n.NodeID, Registered: true, PeerURLs: n.PeerURLs, ClientURLs: n.ClientURLs})
		}
	}
	slices.SortFunc(list, func(a, b shownMember) int { return cmp.Compare(a.NodeID, b.NodeID) })
	if err := errors.Join(problems...); err != nil {
		return list, fmt.Errorf("%s: %w", b.store, err)
	}
	return list, nil
}

func membersTable(w io.Writer, list []shownMember) {
	row(w, "MEMBER ID", "NODE", "REGISTERED", "PEER", "CLIENT")
	for _, m := range list {
		id, yes := "-", "no"
		if m.MemberID != 0 {
			id = strconv.FormatUint(m.MemberID, 16)
		}
		if m.Registered {
			yes = "yes"
		}
		row(w, id, m.NodeID, yes, orDash(strings.Join(m.PeerURLs, ",")), orDash(strings.Join(m.ClientURLs, ",")))
	}
}
