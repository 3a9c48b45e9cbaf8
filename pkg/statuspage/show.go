package statuspage

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/netsy-io/netsy/pkg/clusterview"
	"github.com/netsy-io/netsy/pkg/record"
	"github.com/netsy-io/netsy/pkg/registry"
)

// maxNodes bounds the table; the rest is counted. Nobody reads more, and netsyctl has them all.
const maxNodes = 100

// page is what the template shows: words, in order.
type page struct {
	Title     string // of the browser's tab
	Cluster   string
	Process   string // who shows it
	Taken     string // when, for machines
	TakenTime string // and for people
	Level     Level  // empty: all is well
	Verdict   string
	Summary   string
	Findings  []shownFinding
	Facts     []fact
	Nodes     []nodeRow
	More      int // nodes that are not shown
	Ages      string
	Refresh   int // seconds, without JavaScript
}

type shownFinding struct {
	Level Level
	Word  string
	What  []piece
	Next  []piece
}

// fact is one thing about the cluster, with what qualifies it.
type fact struct {
	Name, Value, Detail string
	Level               Level
}

// nodeRow is a node's line.
type nodeRow struct {
	Name, Incarnation string
	Roles             []string
	Condition         string // in a word
	Sign              string // the same as a sign
	Class             string // the same as a colour
	State             string
	Revision, Lag     string
	Up, Version       string
	Note              string
}

func (o *Options) show(s *sight) *page {
	v := s.View
	found := findings(s)
	p := &page{
		Cluster: v.ClusterID, Process: o.Role + " " + o.Name, Refresh: 5,
		Taken: s.Now.UTC().Format(time.RFC3339), TakenTime: s.Now.UTC().Format("15:04:05 UTC"),
		Facts: facts(s), Ages: ages(s),
	}
	if o.Standing != nil {
		p.Process += ", " + o.Standing()
	}
	for _, f := range found {
		p.Findings = append(p.Findings, shownFinding{f.Level, levelWords[f.Level], pieces(f.What), pieces(f.Next)})
	}
	for i := range v.Nodes {
		if i == maxNodes {
			p.More = len(v.Nodes) - maxNodes
			break
		}
		p.Nodes = append(p.Nodes, row(s, &v.Nodes[i]))
	}
	p.judge(found, s)
	return p
}

var levelWords = map[Level]string{Trouble: "Trouble", Attention: "Attention", Note: "Note"}

// judge sets what everybody reads first.
func (p *page) judge(found []Finding, s *sight) {
	sign := "✓"
	p.Verdict, p.Summary = "All is well", summary(s.View)
	if len(found) > 0 {
		p.Level = found[0].Level
		switch p.Level {
		case Trouble:
			sign, p.Verdict = "✕", "Something is wrong"
		case Attention:
			sign, p.Verdict = "!", "Working, and needs attention"
		default:
			sign, p.Verdict = "…", "Working; something is under way"
		}
	}
	p.Title = fmt.Sprintf("%s %s – Netsy", sign, p.Cluster)
}

// summary says how many of the nodes work, and who leads.
func summary(v *clusterview.View) string {
	healthy, registered := 0, 0
	for _, n := range v.Nodes {
		if n.Registered {
			registered++
		}
		if n.State != nil && n.State.Health == "healthy" {
			healthy++
		}
	}
	leads := "There is no Primary"
	if v.Primary != nil {
		leads = v.Primary.NodeID + " is Primary"
	}
	for _, n := range v.Nodes {
		if n.Primary && n.State == nil && n.Error != "" {
			leads = n.NodeID + " is named Primary and doesn't answer"
		}
	}
	return fmt.Sprintf("%s; %d of %s %s healthy.", leads, healthy, plural(int64(registered), "node"), isAre(healthy))
}

const unknown = "unknown"

func facts(s *sight) []fact {
	v := s.View
	return []fact{
		primaryFact(s), electorFact(s), durabilityFact(&v.Durability), revisionFact(v), unflushedFact(s), logFact(s), snapshotFact(s),
		compactedFact(s), compactorFact(s),
	}
}

func primaryFact(s *sight) fact {
	v := s.View
	f := fact{Name: "Primary", Value: unknown}
	switch {
	case !s.reignKnown():
		return f
	case v.Primary == nil:
		f.Value, f.Level = "none", Trouble
	default:
		f.Value = v.Primary.NodeID
	}
	f.Detail = fmt.Sprintf("epoch %d", v.Epoch)
	for _, n := range v.Nodes {
		if n.Primary && n.State != nil {
			f.Detail += ", " + n.State.PrimaryState
		}
	}
	if s.Remembered {
		f.Detail += ", as the elector says"
	}
	return f
}

func electorFact(s *sight) fact {
	e := s.View.Elector
	f := fact{Name: "Elector", Value: unknown}
	switch {
	case s.Office.IsZero():
		return f
	case e == nil:
		f.Value, f.Level = "none in office", Attention
		return f
	}
	id, _, within := strings.Cut(e.LeaderID, "/") // a node's own names its incarnation
	f.Value = strings.TrimPrefix(id, "elector-")
	f.Detail = fmt.Sprintf("office %d", s.View.Office)
	if within {
		f.Value = strings.TrimPrefix(id, "node-")
		f.Detail += ", within the node"
	}
	if silent := s.Office.Sub(s.Renewed); silent >= lapsed {
		f.Detail, f.Level = fmt.Sprintf("not renewed for %s", age(silent)), Attention
	}
	return f
}

func durabilityFact(r *clusterview.Rule) fact {
	f := fact{Name: "Durability", Value: string(r.Mode)}
	switch r.Mode {
	case registry.ModeQuorum:
		f.Detail = fmt.Sprintf("%s; an election needs %d", plural(int64(len(r.Voters)), "voter"), r.Promises)
	case registry.ModeObjectStorage:
		f.Detail = "each write is in the bucket before it is acknowledged"
	default:
		f.Value = unknown
	}
	return f
}

func revisionFact(v *clusterview.View) fact {
	f := fact{Name: "Revision", Value: unknown}
	var newest record.Revision
	for _, n := range v.Nodes {
		if n.State != nil {
			newest = max(newest, n.State.Committed)
		}
	}
	if newest > 0 {
		f.Value, f.Detail = grouped(int64(newest)), "the newest that is committed"
	}
	return f
}

// unflushedFact is what is acknowledged and on nodes only.
func unflushedFact(s *sight) fact {
	f := fact{Name: "Not in object storage yet", Value: unknown, Detail: "only the Primary knows"}
	n := s.View.Unflushed
	switch {
	case n == nil:
		return f
	case *n == 0:
		f.Value, f.Detail = "nothing", "every committed record is in the bucket"
		return f
	}
	f.Value = plural(*n, "revision")
	switch {
	case s.Oldest == nil:
		f.Detail = "as of " + ago(s.Now, s.End)
	case *s.Oldest > flushedBy:
		f.Level = Attention
		fallthrough
	default:
		f.Detail = "the oldest waits for " + age(*s.Oldest)
	}
	return f
}

func logFact(s *sight) fact {
	f := fact{Name: "Object log", Value: unknown}
	l := s.View.ObjectLog
	switch {
	case l == nil:
		return f
	case l.Written == nil:
		f.Value, f.Detail = "empty", "as of "+ago(s.Now, s.End)
		return f
	}
	f.Value, f.Detail = "to revision "+grouped(int64(l.Revision)), "written "+ago(s.Now, *l.Written)
	return f
}

func snapshotFact(s *sight) fact {
	f := fact{Name: "Last snapshot", Value: unknown}
	switch n := s.View.Snapshot; {
	case s.Snapshots.IsZero():
	case n == nil:
		f.Value, f.Detail = "none", "the whole log is read at a node's first start"
	default:
		f.Value, f.Detail = "revision "+grouped(int64(n.Revision)), ago(s.Now, n.Written)+", "+size(n.Size)
	}
	return f
}

func compactedFact(s *sight) fact {
	f := fact{Name: "Compacted to", Value: unknown}
	switch r := s.View.CompactionRevision; {
	case !s.reignKnown():
	case r == 0:
		f.Value, f.Detail = "nothing", "all history is there"
	default:
		f.Value, f.Detail = "revision "+grouped(int64(r)), "history before it is gone"
	}
	return f
}

func compactorFact(s *sight) fact {
	f := fact{Name: "Compactor", Value: unknown}
	switch c := s.View.Compactor; {
	case s.Registered.IsZero():
	case c == nil:
		f.Value, f.Detail = "none at work", "it may run now and then"
	default:
		f.Value = c.LeaderID
	}
	return f
}

// condition of a node, in a word.
func condition(n *clusterview.Node) string {
	switch {
	case !n.Registered:
		return "gone"
	case n.State != nil:
		return n.State.Health
	case n.Error == "":
		return "not asked yet"
	}
	return "unreachable"
}

// looks of a condition. What isn't here is a colour of trouble.
var looks = map[string]struct{ sign, class string }{
	"healthy": {"✓", "ok"}, "loading": {"…", "note"}, "degraded": {"!", "attention"}, "not asked yet": {"?", "note"},
}

func row(s *sight, n *clusterview.Node) nodeRow {
	const none = "–"
	r := nodeRow{
		Name: n.NodeID, Incarnation: short(n.Incarnation), Condition: condition(n), Sign: "✕", Class: "trouble", State: none, Revision: none, Lag: none,
		Up: none, Version: n.Version, Note: n.Error,
	}
	if r.Version == "" {
		r.Version = none
	}
	if n.Primary {
		r.Roles = append(r.Roles, "Primary")
	}
	if n.Voter {
		r.Roles = append(r.Roles, "voter")
	}
	if l, ok := looks[r.Condition]; ok {
		r.Sign, r.Class = l.sign, l.class
	}
	if st := n.State; st != nil {
		r.State, r.Revision, r.Lag, r.Note = st.PrimaryState, grouped(int64(st.Revision)), grouped(st.Lag), st.Reason
		if st.Leaving {
			r.State += ", leaving"
		}
		if !st.Started.IsZero() {
			r.Up = age(s.Now.Sub(st.Started))
		}
	}
	return r
}

// ages says how old what is shown is.
func ages(s *sight) string {
	seen := []struct {
		what string
		at   time.Time
	}{{"nodes were asked", s.Asked}, {"cluster.json was read", s.Office}, {"registrations", s.Registered}, {"the object log", s.End}, {"snapshots", s.Snapshots}}
	var out []string
	for _, x := range seen {
		out = append(out, x.what+" "+ago(s.Now, x.at))
	}
	out[0] = "Nodes" + strings.TrimPrefix(out[0], "nodes")
	return strings.Join(slices.Clip(out), ", ") + "."
}
