package netsyctl

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/netsy-io/netsy/pkg/elector"
	"github.com/netsy-io/netsy/pkg/leaderlock"
	"github.com/netsy-io/netsy/pkg/objectstore"
	"github.com/netsy-io/netsy/pkg/record"
	"github.com/netsy-io/netsy/pkg/recovery"
	"github.com/netsy-io/netsy/pkg/registry"
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
			s, err := b.overview(c.Context)
			if err != nil {
				return err
			}
			if err := show(c, s, s.table); err != nil {
				return err
			}
			if n := len(s.Problems); n > 0 {
				return fmt.Errorf("%s: %d problems", b.store, n)
			}
			return nil
		},
	}
}

// overview is all that the bucket says.
type overview struct {
	ClusterID          string          `json:"cluster_id"`
	Store              string          `json:"store"`
	Seq                int64           `json:"seq"`
	Office             int64           `json:"office"`
	Epoch              record.Epoch    `json:"epoch"`
	Primary            *shownRef       `json:"primary"` // null: none
	Durability         shownRule       `json:"durability"`
	CompactionRevision record.Revision `json:"compaction_revision"`
	Origin             record.Revision `json:"origin"`
	Elector            *shownElector   `json:"elector"` // null: none leads
	Nodes              []shownNode     `json:"nodes"`
	ObjectLog          shownLog        `json:"object_log"`
	Problems           []string        `json:"problems"`
}

type shownRef struct {
	NodeID      string `json:"node_id"`
	Incarnation string `json:"incarnation"`
}

func refOrNil(r registry.NodeRef) *shownRef {
	if r.IsZero() {
		return nil
	}
	return &shownRef{r.NodeID, r.Incarnation}
}

type shownElector struct {
	LeaderID string `json:"leader_id"`
	Address  string `json:"address"`
}

type shownNode struct {
	NodeID      string   `json:"node_id"`
	Incarnation string   `json:"incarnation"`
	MemberID    uint64   `json:"member_id,string"` // a string: JSON's numbers are not this precise
	Registered  bool     `json:"registered"`       // false: only cluster.json knows this life of it
	Primary     bool     `json:"primary"`
	Voter       bool     `json:"voter"`
	StartCount  int64    `json:"start_count"`
	Version     string   `json:"version"`
	ClientURLs  []string `json:"client_urls"`
	PeerURLs    []string `json:"peer_urls"`
}

func (b *bucket) overview(ctx context.Context) (*overview, error) {
	c, err := b.readCluster(ctx)
	if err != nil {
		return nil, err
	}
	s := &overview{ClusterID: b.clusterID, Store: b.store.String(), Seq: c.Seq, Office: c.Office, Epoch: c.Epoch, Primary: refOrNil(c.Primary),
		Durability: showRule(c.Durability), CompactionRevision: c.CompactionRevision, Origin: c.Origin, Nodes: []shownNode{}, Problems: []string{}}
	members, err := b.reg.Members(ctx)
	s.note(err, registry.ErrNotFound)
	h, err := leaderlock.Read(ctx, b.store, elector.LockKey, b.clusterID)
	if s.note(err, objectstore.ErrNotFound); err == nil && h.LeaderID != "" {
		s.Elector = &shownElector{h.LeaderID, h.Address}
	}
	nodes, problems, err := b.reg.NewNodeList().Refresh(ctx)
	s.note(errors.Join(append(problems, err)...), nil)
	s.addNodes(&c, nodes, members)
	end, err := recovery.FindEnd(ctx, b.store)
	s.note(err, nil)
	s.ObjectLog = showLog(end)
	return s, nil
}

// note keeps what went wrong, unless it is what may be.
func (s *overview) note(err, expected error) {
	if err != nil && (expected == nil || !errors.Is(err, expected)) {
		s.Problems = append(s.Problems, strings.Split(err.Error(), "\n")...)
	}
}

// addNodes lists the registered nodes, and the voters that are not among them: those
// whose disk is lost, or who are gone.
func (s *overview) addNodes(c *registry.Cluster, nodes []registry.Node, members registry.Members) {
	known := map[registry.NodeRef]bool{}
	for _, n := range nodes {
		known[n.Ref()] = true
		s.Nodes = append(s.Nodes, shownNode{Registered: true, StartCount: n.StartCount, Version: n.Version, ClientURLs: n.ClientURLs, PeerURLs: n.PeerURLs,
			NodeID: n.NodeID, Incarnation: n.Incarnation})
	}
	for _, v := range append([]registry.NodeRef{c.Primary}, c.Durability.Voters...) {
		if !v.IsZero() && !known[v] {
			known[v] = true
			s.Nodes = append(s.Nodes, shownNode{NodeID: v.NodeID, Incarnation: v.Incarnation, ClientURLs: []string{}, PeerURLs: []string{}})
		}
	}
	for i := range s.Nodes {
		n := &s.Nodes[i]
		ref := registry.NodeRef{NodeID: n.NodeID, Incarnation: n.Incarnation}
		n.MemberID, n.Primary, n.Voter = members.IDs[n.NodeID], ref == c.Primary, isVoter(c.Durability, ref)
	}
}

func (s *overview) table(w io.Writer) {
	row(w, "cluster", s.ClusterID+" in "+s.Store)
	row(w, "epoch", fmt.Sprintf("%d (office %d)", s.Epoch, s.Office))
	row(w, "primary", s.Primary.String())
	row(w, "durability", s.Durability.String())
	row(w, "compacted to", fmt.Sprintf("revision %d", s.CompactionRevision))
	row(w, "began with", showOrigin(s.Origin))
	if s.Elector != nil {
		row(w, "elector", s.Elector.LeaderID+" at "+s.Elector.Address)
	} else {
		row(w, "elector", "none leads")
	}
	row(w, "object log", s.ObjectLog.String())
	row(w)
	row(w, "NODE", "INCARNATION", "ROLE", "STARTS", "VERSION", "CLIENT", "PEER", "MEMBER ID")
	for _, n := range s.Nodes {
		n.row(w)
	}
	for _, p := range s.Problems {
		row(w)
		row(w, "PROBLEM", p)
	}
}

// showOrigin says what history the cluster began with.
func showOrigin(origin record.Revision) string {
	if origin == 0 {
		return "nothing"
	}
	return fmt.Sprintf("a history up to revision %d", origin)
}

func (n *shownNode) row(w io.Writer) {
	var roles []string
	if n.Primary {
		roles = append(roles, "primary")
	}
	if n.Voter {
		roles = append(roles, "voter")
	}
	if !n.Registered {
		row(w, n.NodeID, n.Incarnation, orDash(strings.Join(roles, ",")), "not registered")
		return
	}
	row(w, n.NodeID, n.Incarnation, orDash(strings.Join(roles, ",")), strconv.FormatInt(n.StartCount, 10), orDash(n.Version),
		strings.Join(n.ClientURLs, ","), strings.Join(n.PeerURLs, ","), strconv.FormatUint(n.MemberID, 16))
}

func (r *shownRef) String() string {
	if r == nil {
		return "none"
	}
	return r.NodeID + "/" + r.Incarnation
}

func orDash(s string) string {
	if s == "" {
		return "-"
	}
	return s
}

// shownLog is the end of the object log.
type shownLog struct {
	Revision record.Revision `json:"revision"`
	Epoch    record.Epoch    `json:"epoch"`
	Key      string          `json:"key"`        // of the object that it ends with; empty: there is none
	Written  *time.Time      `json:"written_at"` // when that was written, by the store's clock; null: never
}

func showLog(e recovery.LogEnd) shownLog {
	l := shownLog{Revision: e.Last.Revision, Epoch: e.Last.Epoch, Key: e.Key}
	if e.Key != "" {
		l.Written = &e.Written
	}
	return l
}

func (l shownLog) String() string {
	if l.Key == "" {
		return "empty"
	}
	return fmt.Sprintf("revision %d of epoch %d, written %s: %s", l.Revision, l.Epoch, showTime(*l.Written), l.Key)
}
