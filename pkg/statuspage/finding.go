package statuspage

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/netsy-io/netsy/pkg/clusterview"
	"github.com/netsy-io/netsy/pkg/registry"
)

// Level says how bad it is.
type Level string

const (
	Trouble   Level = "trouble"   // requests fail or wait, or something can't be known
	Attention Level = "attention" // requests work, with less safety than they should have
	Note      Level = "note"      // passes by itself, or may be so on purpose
)

var rank = map[Level]int{Trouble: 0, Attention: 1, Note: 2}

// Finding is something that isn't as it should be, and what to do next. In Next, what stands between
// backticks is to be typed, or a name.
type Finding struct {
	Level Level  `json:"level"`
	What  string `json:"what"`
	Next  string `json:"next,omitempty"`
}

const (
	// lapsed is when a lock that was not renewed is nobody's any more, with time for one turn of reading.
	lapsed = officeEvery - time.Second
	// flushedBy is when the oldest record should be in object storage: thrice the default of
	// replication.chunk_buffer.threshold_age_minutes.
	flushedBy = 3 * time.Minute
	// behind is a lag, in revisions, that is none of a moment.
	behind = 1000
	// longLog is how many revisions beyond the newest snapshot a new node would have to read one
	// by one: ten times the default of snapshot.threshold_records.
	longLog = 100_000
)

// findings says what is wrong, the worst first. It is a function of s alone.
func findings(s *sight) []Finding {
	out := slices.Concat(bucketFindings(s), reignFindings(s), nodeFindings(s), logFindings(s))
	for _, p := range s.View.Problems {
		out = append(out, Finding{Attention, "In the bucket: " + p, "Look with `netsyctl verify`; bring the object back from an older version of it or a copy of the bucket."})
	}
	slices.SortStableFunc(out, func(a, b Finding) int { return rank[a.Level] - rank[b.Level] })
	return out
}

func bucketFindings(s *sight) []Finding {
	err := s.Trouble
	next := "Look at this process's log (`status_page_blind`) and at `storage` in the cluster file."
	switch {
	case err == nil:
		return nil
	case notBegun(err):
		return []Finding{{Trouble, "The cluster hasn't begun: there is no `cluster.json`.",
			"Start an elector: `netsy-elector`, or `netsy-node --with-elector`. If one runs, its `/readyz` says what holds it up."}}
	case damaged(err):
		return []Finding{{Trouble, "A document in the bucket can't be understood, or is another cluster's.", next}}
	case refused(err):
		return []Finding{{Trouble, "Object storage refuses this process" + known(s) + ".", "Check the credentials, permissions and name of the bucket. " + next}}
	}
	return []Finding{{Trouble, "Object storage doesn't answer this process" + known(s) + ".", awayNext(s.View.Durability.Mode)}}
}

func known(s *sight) string {
	if s.Office.IsZero() {
		return "; nothing of the bucket was read yet"
	}
	return fmt.Sprintf("; what is shown of the bucket is %s old", age(s.Now.Sub(s.Office)))
}

func awayNext(m registry.Mode) string {
	switch m {
	case registry.ModeQuorum:
		return "Reads and writes go on until 64 MB wait for it; no Primary can be elected meanwhile. Check the network and the provider's status."
	case registry.ModeObjectStorage:
		return "Writes wait for it. Check the network and the provider's status; everything goes on by itself once it answers."
	}
	return "Check the network, `storage` in the cluster file, and the provider's status; everything goes on by itself once it answers."
}

func reignFindings(s *sight) []Finding {
	if !s.reignKnown() {
		return nil
	}
	out := electorFindings(s)
	v := s.View
	if v.Primary == nil {
		return append(out, noPrimary(s))
	}
	i := slices.IndexFunc(v.Nodes, func(n clusterview.Node) bool { return n.Primary })
	if i < 0 {
		return append(out, Finding{Trouble, fmt.Sprintf("The Primary, %s, is not among the nodes that are known here.", v.Primary.NodeID), "See whether it is registered: `netsyctl nodes`."})
	}
	if f, ok := primaryFinding(s, &v.Nodes[i]); ok {
		out = append(out, f)
	}
	return out
}

func electorFindings(s *sight) []Finding {
	const next = "Start one (`netsy-elector`, or `netsy-node --with-elector`), or see in its log why it isn't in office."
	e := s.View.Elector
	switch silent := s.Office.Sub(s.Renewed); {
	case s.Office.IsZero():
	case e == nil:
		return []Finding{{Attention, "No elector is in office: nobody would replace a Primary that goes away.", next}}
	case silent >= lapsed && s.Trouble == nil:
		return []Finding{{Attention, fmt.Sprintf("The elector %s has not renewed its office for %s: nobody would replace a Primary that goes away.", e.LeaderID, age(silent)), next}}
	}
	return nil
}

// noPrimary: writes and linearizable reads wait.
func noPrimary(s *sight) Finding {
	what := "There is no Primary: writes, and reads that must be current, wait for one."
	if f, ok := tooFew(s, what); ok {
		return f
	}
	return Finding{Trouble, what, "An election takes a few seconds. If this stays, the elector's log says what holds it up (`elector_held_up`)."}
}

// tooFew: besides what, no other Primary can be elected.
func tooFew(s *sight, what string) (f Finding, ok bool) {
	fit, missing := voters(s.View)
	d := s.View.Durability
	if d.Mode != registry.ModeQuorum || fit >= d.Promises || s.Asked.IsZero() {
		return f, false
	}
	return Finding{Trouble, fmt.Sprintf("%s An election needs %d of the %d voters, and %d %s fit. Missing: %s.", what, d.Promises, len(d.Voters), fit, isAre(fit), strings.Join(missing, ", ")),
		"Bring these nodes back with their disks, and nothing is lost. If disks are gone for good: `netsyctl cluster recover`."}, true
}

// voters says how many answer and are healthy, and which are not.
func voters(v *clusterview.View) (fit int, missing []string) {
	for _, n := range v.Nodes {
		switch {
		case !n.Voter:
		case n.State != nil && n.State.Health == "healthy":
			fit++
		default:
			missing = append(missing, n.NodeID+" ("+condition(&n)+")")
		}
	}
	return fit, missing
}

// primaryFinding is what is wrong with a Primary that is named.
func primaryFinding(s *sight, n *clusterview.Node) (f Finding, ok bool) {
	st := n.State
	switch {
	case st == nil && s.Asked.IsZero():
		return f, false
	case st == nil:
		what := fmt.Sprintf("The Primary, %s, doesn't answer this process: %s.", n.NodeID, reason(n))
		if f, ok := tooFew(s, what); ok {
			return f, true
		}
		return Finding{Trouble, what,
			"If it is gone, another is elected within seconds. If it stays, compare with this page on other nodes, and look at " + n.NodeID + "'s log."}, true
	case st.PrimaryState == "active":
		return f, false
	case st.PrimaryState == "starting":
		return Finding{Note, n.NodeID + " is becoming Primary: it catches up with the object log.", "If this stays, its log says what it waits for."}, true
	case st.PrimaryState == "draining":
		return Finding{Note, n.NodeID + " is handing over: it brings everything into the object log, and another becomes Primary.", ""}, true
	}
	return Finding{Trouble, n.NodeID + " is named Primary and isn't: writes, and reads that must be current, wait.",
		"Another is elected within seconds. If this stays, the elector's log says what holds it up (`elector_held_up`)."}, true
}

func nodeFindings(s *sight) []Finding {
	if s.Asked.IsZero() {
		return nil
	}
	var out []Finding
	for i := range s.View.Nodes {
		n := &s.View.Nodes[i]
		if f, ok := nodeFinding(n); ok {
			out = append(out, f)
		}
	}
	if len(s.View.Nodes) == 0 && s.Trouble == nil {
		out = append(out, Finding{Trouble, "No node is registered.", "Start `netsy-node`."})
	}
	return out
}

func nodeFinding(n *clusterview.Node) (f Finding, ok bool) {
	st := n.State
	switch {
	case !n.Registered && n.Voter:
		return Finding{Attention, fmt.Sprintf("%s is a voter, and that life of it is not registered any more: its disk is lost, or it is gone.", n.NodeID),
			"An active Primary removes it by itself. If there is none, bring the node back with its disk."}, true
	case !n.Registered:
		return f, false
	case st == nil && n.Primary: // said already
		return f, false
	case st == nil:
		return Finding{Attention, fmt.Sprintf("%s doesn't answer this process: %s.", n.NodeID, reason(n)), "See whether `netsy-node` runs there, and look at its log."}, true
	case st.Leaving:
		return Finding{Note, n.NodeID + " is stopping on purpose.", ""}, true
	case st.Health == "loading":
		return Finding{Note, n.NodeID + " is loading" + because(st) + ".", "Its log says how far it is."}, true
	case st.Health != "healthy":
		return Finding{Attention, n.NodeID + " is " + st.Health + because(st) + ".", "Its log has more. It goes on by itself once the cause is mended."}, true
	case st.Lag > behind && !n.Primary:
		return Finding{Attention, fmt.Sprintf("%s lacks the last %s revisions.", n.NodeID, grouped(st.Lag)), "If that grows, look at its disk and its network."}, true
	}
	return f, false
}

func because(st *clusterview.State) string {
	if st.Reason == "" {
		return ""
	}
	return ": " + strings.TrimSuffix(st.Reason, ".")
}

// reason is why a node doesn't answer.
func reason(n *clusterview.Node) string {
	if n.Error == "" {
		return "it was not asked yet"
	}
	return n.Error
}

func logFindings(s *sight) []Finding {
	var out []Finding
	v := s.View
	if s.Oldest != nil && *s.Oldest > flushedBy {
		out = append(out, Finding{Attention, fmt.Sprintf("The oldest record that isn't in object storage has waited for %s.", age(*s.Oldest)),
			"It is on a quorum of voters' disks meanwhile. See whether the Primary reaches object storage: its log, and `netsy_objectstore_*` in its metrics."})
	}
	var snapshot int64
	if v.Snapshot != nil {
		snapshot = int64(v.Snapshot.Revision)
	}
	if v.ObjectLog != nil && !s.Snapshots.IsZero() && int64(v.ObjectLog.Revision)-snapshot > longLog {
		out = append(out, Finding{Attention, fmt.Sprintf("The object log goes %s revisions beyond the newest snapshot: a new node reads them one by one.", grouped(int64(v.ObjectLog.Revision)-snapshot)),
			"Run `netsy-compactor`, or see in its log why it makes none."})
	}
	return out
}

func isAre(n int) string {
	if n == 1 {
		return "is"
	}
	return "are"
}
