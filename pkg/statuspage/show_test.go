package statuspage

import (
	"bytes"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"golang.org/x/net/html"

	"github.com/netsy-io/netsy/pkg/clusterview"
	"github.com/netsy-io/netsy/pkg/objectstore"
	"github.com/netsy-io/netsy/pkg/registry"
)

var update = flag.Bool("update", false, "rewrite testdata")

var t0 = time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)

func state(health, primary string, rev int64) *clusterview.State {
	return &clusterview.State{Health: health, PrimaryState: primary, ServedEpoch: 7, Revision: 1, Epoch: 7, Committed: 1, Started: t0.Add(-50 * time.Hour), Lag: 0}
}

// well is a cluster of three in which nothing is wrong.
func well() *sight {
	written := t0.Add(-40 * time.Second)
	unflushed, oldest := int64(1234), 12*time.Second
	v := &clusterview.View{
		ClusterID: "shop", Store: "s3", Seq: 9, Office: 3, Epoch: 7, Primary: &clusterview.Ref{NodeID: "node-2", Incarnation: "i2"}, CompactionRevision: 1200,
		Durability: clusterview.Rule{Mode: registry.ModeQuorum, Quorum: -1, Promises: 2, Voters: make([]clusterview.Ref, 3)},
		Elector:    &clusterview.Leader{LeaderID: "node-node-1/0123456789abcdef"}, Asked: true, Unflushed: &unflushed,
		ObjectLog: &clusterview.LogEnd{Revision: 4321, Epoch: 7, Key: "chunks/x", Written: &written},
		Snapshot:  &clusterview.Snapshot{Revision: 4000, Size: 1_234_567, Written: t0.Add(-3 * time.Hour)},
	}
	for i := 1; i <= 3; i++ {
		n := clusterview.Node{NodeID: fmt.Sprint("node-", i), Incarnation: fmt.Sprint("i", i), Registered: true, Voter: true, Version: "1.2.3", Primary: i == 2, State: state("healthy", "replica", 5555)}
		n.State.Revision, n.State.Committed = 5555, 5555
		if i == 2 {
			n.State.PrimaryState = "active"
		}
		v.Nodes = append(v.Nodes, n)
	}
	return &sight{View: v, Now: t0, Asked: t0.Add(-time.Second), Office: t0.Add(-5 * time.Second), Registered: t0.Add(-30 * time.Second), End: t0.Add(-30 * time.Second),
		Snapshots: t0.Add(-30 * time.Second), Renewed: t0.Add(-5 * time.Second), Oldest: &oldest}
}

// nothing is what is known before anything was read.
func nothing() *sight {
	return &sight{View: &clusterview.View{ClusterID: "shop", Durability: clusterview.Rule{Voters: []clusterview.Ref{}}, Nodes: []clusterview.Node{}}, Now: t0}
}

const hostile = "<script>alert(1)</script>\"'`&<img src=x onerror=alert(1)>"

// states that a cluster, or what is known of it, can be in, each a change to one that is well.
var states = map[string]func(*sight){
	"well": func(*sight) {},
	"storage-mode": func(s *sight) {
		n := int64(0)
		s.View.Durability.Mode, s.View.Unflushed, s.Oldest, s.View.CompactionRevision = registry.ModeObjectStorage, &n, nil, 0
		s.View.Compactor = &clusterview.Leader{LeaderID: "compactor-1"}
	},
	"no-primary": func(s *sight) {
		s.View.Primary, s.View.Unflushed, s.Oldest = nil, nil, nil
		s.View.Nodes[1].Primary, s.View.Nodes[1].State.PrimaryState = false, "replica"
	},
	"too-few-voters": func(s *sight) {
		s.View.Primary, s.View.Unflushed, s.Oldest = nil, nil, nil
		s.View.Nodes[1].Primary, s.View.Nodes[1].State, s.View.Nodes[1].Error = false, nil, "connection refused: nothing listens at its address"
		s.View.Nodes[2].State.Health, s.View.Nodes[2].State.Reason = "degraded", "the disk is full"
	},
	"primary-gone": func(s *sight) {
		s.View.Nodes[1].State, s.View.Nodes[1].Error, s.View.Unflushed = nil, "no answer in time", nil
	},
	"primary-gone-too-few-voters": func(s *sight) {
		for i := range 2 {
			s.View.Nodes[i].State, s.View.Nodes[i].Error, s.View.Unflushed = nil, "no answer in time", nil
		}
	},
	"primary-starting": func(s *sight) { s.View.Nodes[1].State.PrimaryState = "starting" },
	"primary-draining": func(s *sight) {
		s.View.Nodes[1].State.PrimaryState, s.View.Nodes[1].State.Leaving = "draining", true
	},
	"primary-is-none": func(s *sight) { s.View.Nodes[1].State.PrimaryState = "replica" },
	"primary-unknown": func(s *sight) { s.View.Nodes = s.View.Nodes[:1] },
	"replica-loading": func(s *sight) {
		s.View.Nodes[0].State.Health, s.View.Nodes[0].State.Reason = "loading", "reading snapshot 4000"
	},
	"replica-gone":     func(s *sight) { s.View.Nodes[0].State, s.View.Nodes[0].Error = nil, "it does not answer" },
	"replica-behind":   func(s *sight) { s.View.Nodes[0].State.Lag = 25_000 },
	"voter-lost":       func(s *sight) { s.View.Nodes[0].Registered, s.View.Nodes[0].State = false, nil },
	"elector-none":     func(s *sight) { s.View.Elector = nil },
	"elector-silent":   func(s *sight) { s.Renewed = s.Office.Add(-time.Minute) },
	"unflushed-old":    func(s *sight) { d := 10 * time.Minute; s.Oldest = &d },
	"no-snapshot":      func(s *sight) { s.View.Snapshot, s.View.ObjectLog.Revision = nil, 123_456 },
	"document-damaged": func(s *sight) { s.View.Problems = []string{"registry: nodes/node-9.json: unexpected end"} },
	"storage-away": func(s *sight) {
		s.Trouble, s.Office = objectstore.Errorf(objectstore.ErrUnavailable, "get", "cluster.json", "at https://secret"), t0.Add(-3*time.Minute)
	},
	"storage-away-storage-mode": func(s *sight) {
		s.Trouble = objectstore.Errorf(objectstore.ErrUnavailable, "get", "cluster.json", "x")
		s.View.Durability.Mode = registry.ModeObjectStorage
	},
	"storage-refuses":  func(s *sight) { s.Trouble = objectstore.Errorf(objectstore.ErrPermanent, "get", "cluster.json", "x") },
	"document-unknown": func(s *sight) { s.Trouble = &registry.DamagedError{Key: "cluster.json", Err: os.ErrInvalid} },
	"not-begun":        func(s *sight) { *s = *nothing(); s.Trouble = registry.ErrNotFound; s.Asked = t0 },
	"nothing-known":    func(s *sight) { *s = *nothing() },
	"nothing-known-storage-away": func(s *sight) {
		*s = *nothing()
		s.Trouble = objectstore.Errorf(objectstore.ErrUnavailable, "get", "cluster.json", "x")
	},
	"remembered": func(s *sight) {
		s.Remembered, s.Office, s.Registered, s.End, s.Snapshots = true, time.Time{}, time.Time{}, time.Time{}, time.Time{}
		s.View.ObjectLog, s.View.Snapshot, s.View.Elector = nil, nil, nil
	},
	"no-nodes": func(s *sight) { s.View.Nodes, s.View.Primary = nil, nil },
	"many-nodes": func(s *sight) {
		for i := range 120 {
			s.View.Nodes = append(s.View.Nodes, clusterview.Node{NodeID: fmt.Sprint("n", i), Registered: true, State: state("healthy", "replica", 1)})
		}
	},
	"hostile": func(s *sight) {
		v := s.View
		v.ClusterID, v.Primary.NodeID, v.Elector.LeaderID, v.Problems = hostile, hostile, hostile, []string{hostile}
		for i := range v.Nodes {
			n := &v.Nodes[i]
			n.NodeID, n.Incarnation, n.Version, n.State.Health, n.State.Reason, n.State.PrimaryState = hostile, hostile, hostile, hostile, hostile, hostile
		}
	},
}

func render(t *testing.T, name string, s *sight) string {
	t.Helper()
	var b bytes.Buffer
	o := Options{Role: "netsy-node", Name: "node-1"}
	if err := templates.ExecuteTemplate(&b, name, o.show(s)); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// The words and the structure of every state are in testdata, for people to judge.
func TestStates(t *testing.T) {
	for name, change := range states {
		s := well()
		change(s)
		got, file := render(t, "fragment", s), filepath.Join("testdata", name+".html")
		if *update {
			if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		if want, err := os.ReadFile(file); err != nil || string(want) != got {
			t.Errorf("%s is not what is shown (%v): run go test ./pkg/statuspage -update, and read what changed\n%s", file, err, got)
		}
	}
	files, err := filepath.Glob("testdata/*.html")
	if err != nil || len(files) != len(states) {
		t.Errorf("%d files for %d states, %v", len(files), len(states), err)
	}
}

// Each state that isn't well says so first, in words, and most say what to do next.
func TestFindings(t *testing.T) {
	fine := map[string]bool{"well": true, "storage-mode": true, "many-nodes": true, "nothing-known": true, "remembered": true}
	for name, change := range states {
		s := well()
		change(s)
		found := findings(s)
		if (len(found) == 0) != fine[name] {
			t.Errorf("%s: %+v", name, found)
		}
		for i, f := range found {
			if f.What == "" || strings.Count(f.What+f.Next, "`")%2 != 0 && name != "hostile" || i > 0 && rank[found[i-1].Level] > rank[f.Level] {
				t.Errorf("%s: %+v", name, found)
			}
			if f.Level != Note && f.Next == "" {
				t.Errorf("%s says no next step: %+v", name, f)
			}
		}
	}
}

// What others say is text, and nothing but text; the page loads nothing and runs one script.
func TestEscaping(t *testing.T) {
	for name, change := range states {
		s := well()
		change(s)
		page := render(t, "page", s)
		root, err := html.Parse(strings.NewReader(page))
		if err != nil {
			t.Fatal(err)
		}
		count := map[string]int{}
		for n := range root.Descendants() {
			if n.Type != html.ElementNode {
				continue
			}
			count[n.Data]++
			for _, a := range n.Attr {
				if strings.HasPrefix(a.Key, "on") || a.Key == "style" || a.Key == "src" || a.Key == "href" && (strings.Contains(a.Val, "//") || strings.Contains(a.Val, "javascript")) {
					t.Errorf("%s: <%s %s=%q>", name, n.Data, a.Key, a.Val)
				}
			}
			// What the policy lets through is what is there.
			if n.Data == "script" || n.Data == "style" {
				if !strings.Contains(protection["Content-Security-Policy"], "'"+hash(n.FirstChild.Data)+"'") {
					t.Errorf("%s: the policy forbids the page's own %s", name, n.Data)
				}
			}
		}
		if count["script"] != 1 || count["style"] != 1 || count["img"]+count["iframe"]+count["object"]+count["form"] > 0 {
			t.Errorf("%s: %v", name, count)
		}
	}
}

// A colour is never all that tells two conditions apart.
func TestWordsBesideColours(t *testing.T) {
	for name, change := range states {
		s := well()
		change(s)
		for _, m := range regexp.MustCompile(`<span class="(ok|note|attention|trouble)"><span class="sign" aria-hidden="true">([^<]*)</span> ([^<]*)</span>`).FindAllStringSubmatch(render(t, "fragment", s), -1) {
			if m[2] == "" || strings.TrimSpace(m[3]) == "" {
				t.Errorf("%s: %q", name, m[0])
			}
		}
	}
}

func TestWords(t *testing.T) {
	for d, want := range map[time.Duration]string{-time.Second: "0 s", 119 * time.Second: "119 s", 2 * time.Minute: "2 min", 119 * time.Minute: "119 min", 2 * time.Hour: "2 h", 47 * time.Hour: "47 h", 72 * time.Hour: "3 days"} {
		if got := age(d); got != want {
			t.Errorf("%s: %q", d, got)
		}
	}
	for n, want := range map[int64]string{0: "0", 999: "999", 1000: "1 000", -1234567: "-1 234 567", 9223372036854775807: "9 223 372 036 854 775 807"} {
		if got := strings.ReplaceAll(grouped(n), "\u202f", " "); got != want {
			t.Errorf("%d: %q", n, got)
		}
	}
	for n, want := range map[int64]string{0: "0 bytes", 1500: "1.5 kB", 2_500_000: "2.5 MB", 3_500_000_000: "3.5 GB"} {
		if got := size(n); got != want {
			t.Errorf("%d: %q", n, got)
		}
	}
}
