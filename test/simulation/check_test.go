package simulation

import (
	"slices"
	"strings"
	"testing"

	"github.com/netsy-io/netsy/pkg/datafile"
	"github.com/netsy-io/netsy/pkg/objectlog"
	"github.com/netsy-io/netsy/pkg/record"
	"github.com/netsy-io/netsy/pkg/registry"
)

// sound is a small world in which nothing is wrong: two reigns; a key that is created,
// updated and deleted; an update in doubt that happened; one that didn't.
func sound() evidence {
	put := func(rev record.Revision, epoch record.Epoch, leader, key, value string, create, prev record.Revision, count int64) record.Record {
		return record.Record{Revision: rev, Epoch: epoch, LeaderID: leader, Key: []byte(key), Value: []byte(value), Created: count == 1, CreateRevision: create, PrevRevision: prev, Version: count}
	}
	seal := func(rev record.Revision, epoch record.Epoch, leader string, prev record.Revision, count int64) record.Record {
		return put(rev, epoch, leader, record.EpochStartKey, "", 1, prev, count)
	}
	del := record.Record{Revision: 7, Epoch: 2, LeaderID: "n2", Key: []byte("a"), Deleted: true, CreateRevision: 2, PrevRevision: 6}
	chunk := func(epoch record.Epoch, leader string, recs ...record.Record) objectlog.Chunk {
		return objectlog.Chunk{Header: datafile.Header{Epoch: epoch, LeaderID: leader}, Records: recs}
	}
	e := evidence{
		Chunks: []objectlog.Chunk{
			chunk(1, "n1", seal(1, 1, "n1", 0, 1), put(2, 1, "n1", "a", "1", 2, 0, 1), put(3, 1, "n1", "b", "2", 3, 0, 1)),
			chunk(2, "n2", put(4, 1, "n1", "a", "3", 2, 2, 2)), // uploaded by the next
			chunk(2, "n2", seal(5, 2, "n2", 1, 2)),
			chunk(2, "n2", put(6, 2, "n2", "a", "4", 2, 4, 3), del),
		},
		Ops: []op{
			{Kind: opCreate, Key: "a", Value: "1", Call: 1, Return: 2, Outcome: done, Applied: true, Rev: 2},
			{Kind: opCreate, Key: "b", Value: "2", Call: 3, Return: 4, Outcome: done, Applied: true, Rev: 3},
			{Kind: opUpdate, Key: "a", Value: "3", Expect: 2, Call: 5, Return: 9, Outcome: unknown},
			{Kind: opCreate, Key: "a", Value: "no", Call: 6, Return: 7, Outcome: done, Rev: 3, Seen: version{"1", 2, 2, 1}},
			{Kind: opGet, Key: "a", Call: 10, Return: 11, Outcome: done, Rev: 4, Seen: version{"3", 2, 4, 2}},
			{Kind: opUpdate, Key: "b", Value: "5", Expect: 3, Call: 12, Return: 13, Outcome: refused},
			{Kind: opUpdate, Key: "b", Value: "6", Expect: 3, Call: 14, Return: 15, Outcome: unknown},
			{Kind: opLocalGet, Key: "a", Call: 16, Return: 17, Outcome: done, Rev: 2, Seen: version{"1", 2, 2, 1}},
			{Kind: opUpdate, Key: "a", Value: "4", Expect: 4, Call: 18, Return: 19, Outcome: done, Applied: true, Rev: 6},
			{Kind: opList, Call: 20, Return: 21, Outcome: done, Rev: 6, List: map[string]version{"a": {"4", 2, 6, 3}, "b": {"2", 3, 3, 1}}},
			{Kind: opDelete, Key: "a", Value: "d", Expect: 6, Call: 22, Return: 23, Outcome: done, Applied: true, Rev: 7},
			{Kind: opGet, Key: "a", Call: 24, Return: 25, Outcome: done, Rev: 7},
		},
		Clusters: []registry.Cluster{
			{Seq: 1, WriteID: "a", Office: 1},
			{Seq: 2, WriteID: "b", Office: 1, Epoch: 1, Primary: registry.NodeRef{NodeID: "n1", Incarnation: "i"}},
			{Seq: 3, WriteID: "c", Office: 2, Epoch: 2, CompactionRevision: 4},
			{Seq: 4, WriteID: "d", Office: 2, Epoch: 2, CompactionRevision: 4, Primary: registry.NodeRef{NodeID: "n2", Incarnation: "i"}},
		},
	}
	tl := newTimeline(e.Chunks)
	e.Watches = []watched{
		{Node: "n1", From: 1, Events: tl.events("", 1), Progress: []progress{{0, 1}, {3, 5}}, Through: 7},
		{Node: "n2", Prefix: "b", From: 3, Events: tl.events("b", 3), Through: 7},
		{Node: "n2", Prefix: "a", From: 4, Events: tl.events("a", 4)[:1]}, // cut off
	}
	without := func(recs []record.Record, rev record.Revision) []record.Record {
		return slices.DeleteFunc(slices.Clone(recs), func(r record.Record) bool { return r.Revision == rev })
	}
	e.Copies = []stored{
		{Node: "n1", Records: slices.Clone(tl.records), Published: 7},
		{Node: "n2", Records: without(tl.records, 2), Published: 7, Compacted: 4}, // revision 4 replaced revision 2
	}
	return e
}

// TestCheck: the judge finds nothing in a sound world, and each fault that is put
// into one. Every checker has some that it alone refuses.
func TestCheck(t *testing.T) {
	if faults := check(sound()); len(faults) > 0 {
		t.Fatalf("a sound world: %q", faults)
	}
	rec := func(e *evidence, chunk, i int) *record.Record { return &e.Chunks[chunk].Records[i] }
	for name, c := range map[string]struct {
		spoil func(e *evidence)
		say   string
	}{
		// check_log
		"a revision is missing":         {func(e *evidence) { e.Chunks = slices.Delete(e.Chunks, 1, 2) }, "has revision 5.0 where 4.0"},
		"a revision is there twice":     {func(e *evidence) { e.Chunks = slices.Insert(e.Chunks, 2, e.Chunks[1]) }, "has revision 4.0 where 5.0"},
		"an epoch goes back":            {func(e *evidence) { rec(e, 3, 0).Epoch = 1 }, "after one of epoch 2"},
		"no seal":                       {func(e *evidence) { rec(e, 2, 0).Key = []byte("s") }, "does not begin with its seal"},
		"two seals":                     {func(e *evidence) { rec(e, 3, 0).Key = []byte(record.EpochStartKey) }, "begins again"},
		"two Primaries in an epoch":     {func(e *evidence) { rec(e, 3, 0).LeaderID = "n1" }, "was assigned by n1"},
		"two writers in an epoch":       {func(e *evidence) { e.Chunks[3].Header.LeaderID = "n1" }, "two nodes wrote chunks"},
		"a deposed Primary writes":      {func(e *evidence) { e.Chunks[3].Header.Epoch = 1 }, "an older Primary extended the log"},
		"a wrong version":               {func(e *evidence) { rec(e, 3, 0).Version = 2 }, "should follow revision 4"},
		"a wrong create revision":       {func(e *evidence) { rec(e, 0, 2).CreateRevision = 2 }, "is the first version"},
		"deleted twice":                 {func(e *evidence) { rec(e, 3, 0).Deleted = true }, "which does not exist"},
		"the epoch of the cluster":      {func(e *evidence) { e.Clusters[3].Epoch = 1 }, "cluster.json went from"},
		"cluster.json skips":            {func(e *evidence) { e.Clusters = slices.Delete(e.Clusters, 1, 2) }, "cluster.json went from"},
		"an epoch is given twice":       {func(e *evidence) { e.Clusters[2].Epoch, e.Clusters[2].Primary = 1, e.Clusters[3].Primary }, "had the Primaries"},
		"the compaction revision falls": {func(e *evidence) { e.Clusters[3].CompactionRevision = 3 }, "cluster.json went from"},

		// check_writes
		"acknowledged and lost":        {func(e *evidence) { e.Ops[10].Rev = 8; e.Ops[10].Return = 30 }, "the log ends at 7"},
		"acknowledged elsewhere":       {func(e *evidence) { e.Ops[1].Rev = 4 }, "its revision holds a"},
		"another value":                {func(e *evidence) { rec(e, 0, 2).Value = []byte("9") }, "its revision holds b"},
		"one revision for two":         {func(e *evidence) { e.Ops[1].Rev = 2 }, "acknowledged twice"},
		"refused but done":             {func(e *evidence) { e.Ops[2].Outcome = refused }, "answered otherwise"},
		"failed but done":              {func(e *evidence) { e.Ops[2].Outcome = done }, "answered otherwise"},
		"a refused deletion":           {func(e *evidence) { e.Ops[10].Outcome = refused }, "deletes a, which nobody asked for"},
		"in doubt and done twice":      {func(e *evidence) { rec(e, 0, 1).Value = []byte("3") }, "happened"},
		"nobody's":                     {func(e *evidence) { e.Ops = slices.Delete(e.Ops, 2, 3) }, "nobody wrote a="},
		"a compare held that couldn't": {func(e *evidence) { rec(e, 3, 0).PrevRevision = 3 }, "met revision 3"},

		// check_reads
		"a read from nowhere":           {func(e *evidence) { e.Ops[4].Seen.Value = "x" }, "not what was read"},
		"an old read, as new":           {func(e *evidence) { e.Ops[4].Seen = version{"1", 2, 2, 1} }, "not what was read"},
		"a local read of uncommitted":   {func(e *evidence) { e.Ops[7].Rev = 8 }, "as of revision 8"},
		"a local read that is no state": {func(e *evidence) { e.Ops[7].Seen = version{} }, "not what was read"},
		"a list lacks a key":            {func(e *evidence) { delete(e.Ops[9].List, "b") }, "a list read"},
		"a list mixes revisions":        {func(e *evidence) { e.Ops[9].List["a"] = version{"3", 2, 4, 2} }, "a list read"},
		"a create failed without need":  {func(e *evidence) { e.Ops[3].Rev, e.Ops[3].Seen = 1, version{} }, "should have held"},
		"a stale read":                  {func(e *evidence) { e.Ops[11].Rev, e.Ops[11].Seen = 4, version{"3", 2, 4, 2} }, "a stale answer"},
		"a stale failed compare":        {func(e *evidence) { e.Ops[3].Rev = 2 }, "a stale answer"},
		"a write before its time":       {func(e *evidence) { e.Ops[0].Call, e.Ops[0].Return = 26, 27 }, "known before it began"},

		// check_watch
		"an event is missing":         {func(e *evidence) { e.Watches[0].Events = slices.Delete(e.Watches[0].Events, 1, 2) }, "where the log has"},
		"an event comes twice":        {func(e *evidence) { e.Watches[0].Events = slices.Insert(e.Watches[0].Events, 1, e.Watches[0].Events[0]) }, "where the log has"},
		"an event nobody committed":   {func(e *evidence) { e.Watches[1].Events = append(e.Watches[1].Events, event{Rev: 8, Key: "b"}) }, "which the log lacks"},
		"events out of order":         {func(e *evidence) { ev := e.Watches[0].Events; ev[0], ev[1] = ev[1], ev[0] }, "where the log has"},
		"an event with another value": {func(e *evidence) { e.Watches[0].Events[2].Version.Value = "x" }, "where the log has"},
		"progress overtakes":          {func(e *evidence) { e.Watches[0].Progress[0].Rev = 2 }, "by its own word"},
		"a watch stops short":         {func(e *evidence) { e.Watches[0].Events = e.Watches[0].Events[:4] }, "by its own word"},

		// check_copies
		"a copy lacks a revision":            {func(e *evidence) { e.Copies[0].Records = e.Copies[0].Records[1:] }, "n1 lacks revision 1"},
		"a copy ends early":                  {func(e *evidence) { e.Copies[0].Records = e.Copies[0].Records[:6] }, "n1 lacks revision 7"},
		"a copy has another value":           {func(e *evidence) { e.Copies[0].Records[5].Value = []byte("x") }, "n1 has"},
		"a copy has another epoch":           {func(e *evidence) { e.Copies[0].Records[3].Epoch = 2 }, "n1 has"},
		"a copy shows what isn't there":      {func(e *evidence) { e.Copies[0].Published = 8 }, "n1 shows its clients revision 8"},
		"compaction removed the newest":      {func(e *evidence) { e.Copies[1].Records = slices.Delete(e.Copies[1].Records, 1, 2) }, "n2 lacks revision 3"},
		"compaction removed above its reach": {func(e *evidence) { e.Copies[1].Compacted = 3 }, "n2 lacks revision 2"},

		// check_linear alone: what the log can't tell
		"two histories": {func(e *evidence) {
			e.Ops = append(e.Ops, op{Kind: opGet, Key: "a", Call: 26, Return: 27, Outcome: done, Rev: 7, Seen: version{"4", 2, 6, 3}})
		}, "not linearizable"},
	} {
		t.Run(name, func(t *testing.T) {
			e := sound()
			c.spoil(&e)
			faults := check(e)
			if !slices.ContainsFunc(faults, func(s string) bool { return strings.Contains(s, c.say) }) {
				t.Errorf("no fault says %q: %q", c.say, faults)
			}
		})
	}
}

// TestLinear: the model of one key, by what clients saw alone.
func TestLinear(t *testing.T) {
	one := version{"1", 2, 2, 1}
	two := version{"2", 2, 3, 2}
	create := op{Kind: opCreate, Key: "a", Value: "1", Call: 1, Return: 2, Outcome: done, Applied: true, Rev: 2}
	doubt := op{Kind: opUpdate, Key: "a", Value: "2", Expect: 2, Call: 3, Return: 4}
	get := func(at int64, seen version) op {
		return op{Kind: opGet, Key: "a", Call: at, Return: at + 1, Outcome: done, Rev: 9, Seen: seen}
	}
	for name, c := range map[string]struct {
		ops []op
		ok  bool
	}{
		"in doubt, never happened":      {[]op{create, doubt, get(5, one), get(7, one)}, true},
		"in doubt, happened":            {[]op{create, doubt, get(5, two)}, true},
		"in doubt, happened late":       {[]op{create, doubt, get(5, one), get(7, two)}, true},
		"in doubt, happened and undone": {[]op{create, doubt, get(5, two), get(7, one)}, false},
		"acknowledged, then gone":       {[]op{create, get(5, version{})}, false},
		"read before it was written":    {[]op{get(-3, one), create}, false},
		"created twice":                 {[]op{create, {Kind: opCreate, Key: "a", Value: "3", Call: 5, Return: 6, Outcome: done, Applied: true, Rev: 3}}, false},
		"a compare failed in vain":      {[]op{create, {Kind: opUpdate, Key: "a", Value: "3", Expect: 2, Call: 5, Return: 6, Outcome: done, Rev: 3, Seen: one}}, false},
		"deleted":                       {[]op{create, {Kind: opDelete, Key: "a", Value: "d", Expect: 2, Call: 5, Return: 6, Outcome: done, Applied: true, Rev: 3}, get(7, version{})}, true},
		"deleted and back":              {[]op{create, {Kind: opDelete, Key: "a", Value: "d", Expect: 2, Call: 5, Return: 6, Outcome: done, Applied: true, Rev: 3}, get(7, one)}, false},
		"a list and a get agree":        {[]op{create, {Kind: opList, Call: 3, Return: 4, Outcome: done, Rev: 2, List: map[string]version{"a": one}}}, true},
		"a list and a get disagree":     {[]op{create, {Kind: opList, Call: 3, Return: 4, Outcome: done, Rev: 2, List: map[string]version{}}, get(5, one)}, false},
		"a refused write shows":         {[]op{create, {Kind: opUpdate, Key: "a", Value: "2", Expect: 2, Call: 3, Return: 4, Outcome: refused}, get(5, two)}, false},
	} {
		v := &verdict{}
		v.linear(c.ops)
		if ok := len(v.faults) == 0; ok != c.ok {
			t.Errorf("%s: linearizable: %v, want %v", name, ok, c.ok)
		}
	}
}
