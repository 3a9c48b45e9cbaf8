package simulation

import (
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/netsy-io/netsy/pkg/objectlog"
	"github.com/netsy-io/netsy/pkg/record"
	"github.com/netsy-io/netsy/pkg/registry"
)

// kind is what an operation does.
type kind int

const (
	opCreate   kind = iota // if the key is absent
	opUpdate               // if the key is still at mod revision Expect
	opDelete               // likewise
	opGet                  // linearizable
	opList                 // linearizable, all keys
	opLocalGet             // serializable
)

func (k kind) String() string {
	return [...]string{"create", "update", "delete", "get", "list", "local get"}[k]
}

func (k kind) write() bool { return k <= opDelete }

// outcome is what a client knows of its operation once the call is over.
type outcome int

const (
	unknown outcome = iota // a write may have happened, and may yet
	done                   // answered
	refused                // a write did not happen and never will; a read says nothing
)

func (o outcome) String() string { return [...]string{"unknown", "done", "refused"}[o] }

// version is a key as somebody saw it. The zero version is an absent key.
type version struct {
	Value              string
	Create, Mod, Count int64
}

// op is one operation as its client saw it. Every write has a value of its own.
type op struct {
	Client       int
	Node         string // asked
	Kind         kind
	Key, Value   string
	Expect       int64         // mod revision that an update or a deletion compares with
	Call, Return int64         // ticks of the history's clock; Return is 0 while it is open
	At           time.Duration // since the world began, when it was called

	Outcome outcome
	Applied bool               // a write whose compare held
	Rev     int64              // of the answer's header
	Seen    version            // what a get read, or what the failed compare met
	List    map[string]version // what a list read
	Err     error
}

func (o op) String() string {
	return fmt.Sprintf("%v %s=%q expecting %d by client %d on %s at %v: %v, applied %v, revision %d, saw %+v, %v",
		o.Kind, o.Key, o.Value, o.Expect, o.Client, o.Node, o.At, o.Outcome, o.Applied, o.Rev, o.Seen, o.Err)
}

// event is one event of a watch.
type event struct {
	Rev     int64
	Key     string
	Delete  bool
	Version version
}

// watched is one watch from its creation to its end.
type watched struct {
	Node     string
	At       time.Duration
	Prefix   string
	From     int64 // first revision that it is to show; 0: it never began
	Events   []event
	Progress []progress
	Through  int64 // complete up to here by its own word; set at the end for watches that must have seen everything
}

// progress: when the watch had shown n events, it said that it was complete up to Rev.
type progress struct {
	After int
	Rev   int64
}

// stored is what one node's SQLite file holds at the end.
type stored struct {
	Node                 string
	Records              []record.Record
	Published, Compacted int64
}

// evidence is everything known of a world at its end. The judge is a pure function of it.
type evidence struct {
	Ops      []op
	Watches  []watched
	Chunks   []objectlog.Chunk
	Copies   []stored
	Clusters []registry.Cluster // every version of cluster.json, in order
}

// history collects what clients see while they see it.
type history struct {
	clock atomic.Int64 // ticks; what happened before has the lower tick

	mu  sync.Mutex
	ops []*op
}

// begin notes that o is being called.
func (h *history) begin(o *op) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.ops = append(h.ops, o)
	o.Call = h.clock.Add(1)
}

// end notes that o is over. Nobody writes to it afterwards.
func (h *history) end(o *op) { o.Return = h.clock.Add(1) }

// taken returns the operations, once no client runs any more.
func (h *history) taken() []op {
	h.mu.Lock()
	defer h.mu.Unlock()
	out := make([]op, len(h.ops))
	for i, o := range h.ops {
		out[i] = *o
	}
	return out
}

// timeline is the history by the object log: the one that everything else is held
// against.
type timeline struct {
	records []record.Record  // records[i] is revision i+1
	keys    map[string][]int // indices into records, in order, by key; clients' keys only
}

func newTimeline(chunks []objectlog.Chunk) *timeline {
	tl := &timeline{keys: map[string][]int{}}
	for _, c := range chunks {
		for _, r := range c.Records {
			if !r.Internal() {
				tl.keys[string(r.Key)] = append(tl.keys[string(r.Key)], len(tl.records))
			}
			tl.records = append(tl.records, r)
		}
	}
	return tl
}

func (tl *timeline) end() int64 { return int64(len(tl.records)) }

// at returns the record of a revision; nil if there is none.
func (tl *timeline) at(rev int64) *record.Record {
	if rev < 1 || rev > tl.end() {
		return nil
	}
	return &tl.records[rev-1]
}

// state returns key as of revision rev.
func (tl *timeline) state(key string, rev int64) version {
	is := tl.keys[key]
	n, _ := slices.BinarySearch(is, int(rev)) // index rev is of revision rev+1
	if n == 0 {
		return version{}
	}
	return versionOf(&tl.records[is[n-1]])
}

// versionOf is what the record makes of its key.
func versionOf(r *record.Record) version {
	if r.Deleted {
		return version{}
	}
	return version{Value: string(r.Value), Create: int64(r.CreateRevision), Mod: int64(r.Revision), Count: r.Version}
}

// verdict collects what is wrong, up to a few of everything.
type verdict struct{ faults []string }

func (v *verdict) add(format string, args ...any) {
	if len(v.faults) < 20 {
		v.faults = append(v.faults, fmt.Sprintf(format, args...))
	}
}

// check is the judge. It returns what contradicts the promises (design: "Promises").
func check(e evidence) []string {
	v := &verdict{}
	v.reigns(e.Clusters)
	v.chain(e.Chunks)
	if len(v.faults) > 0 {
		return v.faults // without one history there is nothing to hold the rest against
	}
	tl := newTimeline(e.Chunks)
	v.writes(e.Ops, tl)
	v.reads(e.Ops, tl)
	v.order(e.Ops)
	v.watches(e.Watches, tl)
	v.copies(e.Copies, tl)
	v.linear(e.Ops)
	return v.faults
}
