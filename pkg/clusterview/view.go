// Package clusterview is a cluster at a glance: what its bucket says, and what its nodes
// say of themselves. It is for people and for what they look with; nothing decides by it.
package clusterview

import (
	"fmt"
	"time"

	"github.com/netsy-io/netsy/pkg/elector"
	"github.com/netsy-io/netsy/pkg/record"
	"github.com/netsy-io/netsy/pkg/recovery"
	"github.com/netsy-io/netsy/pkg/registry"
)

// View is a cluster as it was while Look looked: its parts are read one after the other.
// A pointer that is nil is something that isn't there or couldn't be read; Problems says
// which.
type View struct {
	ClusterID          string          `json:"cluster_id"`
	Store              string          `json:"store"`
	Seq                int64           `json:"seq"`
	Office             int64           `json:"office"`
	Epoch              record.Epoch    `json:"epoch"`
	Primary            *Ref            `json:"primary"` // null: none
	Durability         Rule            `json:"durability"`
	CompactionRevision record.Revision `json:"compaction_revision"`
	Origin             record.Revision `json:"origin"`
	Elector            *Leader         `json:"elector"`   // null: none leads
	Compactor          *Leader         `json:"compactor"` // null: none leads
	Asked              bool            `json:"asked"`     // the nodes were asked for their states
	Nodes              []Node          `json:"nodes"`
	ObjectLog          *LogEnd         `json:"object_log"`
	Snapshot           *Snapshot       `json:"snapshot"` // the newest
	// Unflushed is how many revisions the Primary has taken beyond the object log, of how
	// many bytes, and how long ago it took the oldest of them (0: there is none), as it says
	// itself; null: it doesn't answer. A Primary that is older than the question says only
	// how far it has acknowledged: then the first is counted, and the others are null.
	Unflushed              *int64   `json:"unflushed"`
	UnflushedBytes         *int64   `json:"unflushed_bytes"`
	OldestUnflushedSeconds *float64 `json:"oldest_unflushed_seconds"`
	Problems               []string `json:"problems"`
}

// Ref is one life of a node.
type Ref struct {
	NodeID      string `json:"node_id"`
	Incarnation string `json:"incarnation"`
}

func (r *Ref) String() string {
	if r == nil {
		return "none"
	}
	return r.NodeID + "/" + r.Incarnation
}

func refOf(r registry.NodeRef) *Ref {
	if r.IsZero() {
		return nil
	}
	return &Ref{r.NodeID, r.Incarnation}
}

// Leader holds one of the locks.
type Leader struct {
	LeaderID string `json:"leader_id"`
	Address  string `json:"address"`
}

func (l *Leader) String() string {
	switch {
	case l == nil:
		return "none leads"
	case l.Address == "":
		return l.LeaderID
	}
	return l.LeaderID + " at " + l.Address
}

// Node is a registered node, or a life of one that only cluster.json still knows.
type Node struct {
	NodeID      string   `json:"node_id"`
	Incarnation string   `json:"incarnation"`
	MemberID    uint64   `json:"member_id,string"` // a string: JSON's numbers are not this precise
	Registered  bool     `json:"registered"`
	Primary     bool     `json:"primary"`
	Voter       bool     `json:"voter"`
	StartCount  int64    `json:"start_count"`
	Version     string   `json:"version"`
	ClientURLs  []string `json:"client_urls"`
	PeerURLs    []string `json:"peer_urls"`

	State *State `json:"state"`           // null: it wasn't asked, or didn't answer
	Error string `json:"error,omitempty"` // why it didn't answer
}

// State is what a node says of itself.
type State struct {
	Health       string          `json:"health"`
	Reason       string          `json:"reason,omitempty"` // why it isn't healthy
	PrimaryState string          `json:"primary_state"`
	ServedEpoch  record.Epoch    `json:"served_epoch"`
	Revision     record.Revision `json:"revision"` // of its last durable record
	Epoch        record.Epoch    `json:"epoch"`    // of that record
	Committed    record.Revision `json:"committed_revision"`
	Lag          int64           `json:"lag"` // revisions that it lacks of those known to be committed
	Started      time.Time       `json:"started_at"`
	Leaving      bool            `json:"leaving"` // it is stopping on purpose

	unflushed *recovery.Unflushed // shown once, in View
}

// Rule is the durability rule, with what follows from it.
type Rule struct {
	Mode     registry.Mode `json:"mode"`
	Quorum   int           `json:"quorum"`
	Voters   []Ref         `json:"voters"`
	Promises int           `json:"election_needs"` // nodes that must answer for an election: voters, in quorum mode
}

// RuleOf describes a rule.
func RuleOf(d registry.Durability) Rule {
	r := Rule{Mode: d.Mode, Quorum: d.Quorum, Voters: []Ref{}, Promises: elector.NeededPromises(d)}
	for _, v := range d.Voters {
		r.Voters = append(r.Voters, Ref{v.NodeID, v.Incarnation})
	}
	return r
}

func (r Rule) String() string {
	if r.Mode != registry.ModeQuorum {
		return fmt.Sprintf("%s: what is acknowledged is in the object log; any healthy node can be elected; voters: %d", r.Mode, len(r.Voters))
	}
	return fmt.Sprintf("%s: what is acknowledged may be on nodes only; an election needs %d of the %d voters", r.Mode, r.Promises, len(r.Voters))
}

// LogEnd is the end of the object log.
type LogEnd struct {
	Revision record.Revision `json:"revision"`
	Epoch    record.Epoch    `json:"epoch"`
	Key      string          `json:"key"`        // of the object that it ends with; empty: the log is
	Written  *time.Time      `json:"written_at"` // when that was written, by the store's clock; null: never
}

// LogEndOf describes an end.
func LogEndOf(e recovery.LogEnd) *LogEnd {
	l := &LogEnd{Revision: e.Last.Revision, Epoch: e.Last.Epoch, Key: e.Key}
	if e.Key != "" {
		l.Written = &e.Written
	}
	return l
}

func (l *LogEnd) String() string {
	switch {
	case l == nil:
		return "unknown"
	case l.Key == "":
		return "empty"
	}
	return fmt.Sprintf("revision %d of epoch %d, written %s: %s", l.Revision, l.Epoch, showTime(*l.Written), l.Key)
}

// Snapshot is one as a listing shows it.
type Snapshot struct {
	Revision record.Revision `json:"revision"`
	Size     int64           `json:"size"`
	Written  time.Time       `json:"written_at"` // by the store's clock
}

func (s *Snapshot) String() string {
	if s == nil {
		return "none"
	}
	return fmt.Sprintf("revision %d, %d bytes, written %s", s.Revision, s.Size, showTime(s.Written))
}

func showTime(t time.Time) string { return t.UTC().Format(time.RFC3339) }
