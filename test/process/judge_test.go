//go:build linux

package process

import (
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/netsy-io/netsy/pkg/datafile"
	"github.com/netsy-io/netsy/pkg/objectlog"
	"github.com/netsy-io/netsy/pkg/record"
)

// sound is a small history in which nothing is wrong: two reigns, a counter, a key
// that comes and goes.
func sound() evidence {
	put := func(rev record.Revision, epoch record.Epoch, leader, key, value string, create record.Revision, version int64) record.Record {
		return record.Record{Revision: rev, Epoch: epoch, LeaderID: leader, Key: []byte(key), Value: []byte(value), CreateRevision: create, Version: version}
	}
	del := record.Record{Revision: 7, Epoch: 2, LeaderID: "n2", Key: []byte("k"), Deleted: true, CreateRevision: 3}
	chunk := func(epoch record.Epoch, leader string, recs ...record.Record) objectlog.Chunk {
		return objectlog.Chunk{Header: datafile.Header{Epoch: epoch, LeaderID: leader}, Records: recs}
	}
	e := evidence{
		End: 8,
		Chunks: []objectlog.Chunk{
			chunk(1, "n1", put(1, 1, "n1", record.EpochStartKey, "", 1, 1)),
			chunk(1, "n1", put(2, 1, "n1", counterKey, "1:a", 2, 1), put(3, 1, "n1", "k", "b", 3, 1)),
			chunk(2, "n2", put(4, 1, "n1", counterKey, "2:c", 2, 2)), // uploaded by the next
			chunk(2, "n2", put(5, 2, "n2", record.EpochStartKey, "", 1, 2)),
			chunk(2, "n2", put(6, 2, "n2", "x", "y", 6, 1), del, put(8, 2, "n2", "end", "e", 8, 1)),
		},
		Ops: []op{
			{Key: counterKey, Value: "1:a", Outcome: done, Rev: 2}, {Key: "k", Value: "b", Outcome: done, Rev: 3},
			{Key: counterKey, Value: "2:c", Outcome: unknown}, {Key: "x", Value: "z", Outcome: refused}, {Key: "x", Value: "w", Outcome: unknown},
			{Key: "x", Value: "y", Outcome: done, Rev: 6}, {Key: "k", Outcome: done, Rev: 7}, {Key: "end", Value: "e", Outcome: done, Rev: 8},
		},
	}
	e.Live = (&verdict{}).chain(e.Chunks, e.End)
	e.Fresh = slices.Clone(e.Live)
	e.State = map[string]event{}
	for _, ev := range e.Live {
		if e.State[ev.Key] = ev; ev.Delete {
			delete(e.State, ev.Key)
		}
	}
	return e
}

// TestCheck: the judge finds nothing in a sound history, and each fault that is put
// into one.
func TestCheck(t *testing.T) {
	if faults := check(sound()); len(faults) > 0 {
		t.Fatalf("a sound history: %q", faults)
	}
	rec := func(e *evidence, chunk, i int) *record.Record { return &e.Chunks[chunk].Records[i] }
	for name, c := range map[string]struct {
		spoil func(e *evidence)
		say   string
	}{
		"acknowledged and lost":       {func(e *evidence) { e.Ops = append(e.Ops, op{Key: "q", Value: "v", Outcome: done, Rev: 6}) }, "is lost"},
		"acknowledged elsewhere":      {func(e *evidence) { e.Ops[0].Rev = 4 }, "happened at revision 2"},
		"one revision for two":        {func(e *evidence) { e.Ops[1].Rev = 2 }, "acknowledged twice"},
		"refused but done":            {func(e *evidence) { e.Ops[5].Outcome = refused }, "happened all the same"},
		"in doubt and done twice":     {func(e *evidence) { rec(e, 4, 0).Key, rec(e, 4, 0).Value = []byte(counterKey), []byte("2:c") }, "happened 2 times"},
		"nobody's":                    {func(e *evidence) { e.Ops = e.Ops[:7] }, "nobody wrote end=e"},
		"counter skips":               {func(e *evidence) { rec(e, 2, 0).Value = []byte("3:c") }, "makes the counter 3 instead of 2"},
		"revision missing in log":     {func(e *evidence) { e.Chunks = slices.Delete(e.Chunks, 2, 3) }, "has revision 5.0 where 4.0"},
		"log ends early":              {func(e *evidence) { e.End = 9 }, "does not end with revision 9"},
		"epoch goes back":             {func(e *evidence) { rec(e, 4, 0).Epoch = 1 }, "after one of epoch 2"},
		"no seal":                     {func(e *evidence) { rec(e, 3, 0).Key = []byte("s") }, "does not begin with its seal"},
		"two seals":                   {func(e *evidence) { rec(e, 4, 0).Key = []byte(record.EpochStartKey) }, "begins again"},
		"two Primaries in an epoch":   {func(e *evidence) { rec(e, 4, 0).LeaderID = "n1" }, "was assigned by n1"},
		"two writers in an epoch":     {func(e *evidence) { e.Chunks[4].Header.LeaderID = "n1" }, "two nodes wrote chunks"},
		"version":                     {func(e *evidence) { rec(e, 2, 0).Version = 3 }, "should follow"},
		"create revision":             {func(e *evidence) { rec(e, 4, 0).CreateRevision = 5 }, "first version of its key"},
		"deleted twice":               {func(e *evidence) { rec(e, 4, 0).Key, rec(e, 4, 0).Deleted = []byte("nokey"), true }, "does not exist"},
		"event missing at the end":    {func(e *evidence) { e.Live = e.Live[:5] }, "all the time lacks"},
		"event missing in the middle": {func(e *evidence) { e.Fresh = slices.Delete(e.Fresh, 1, 2) }, "where the object log has"},
		"event too many":              {func(e *evidence) { e.Fresh = append(e.Fresh, e.Fresh[0]) }, "which the object log lacks"},
		"event differs":               {func(e *evidence) { e.Live[0].Value = "1:b" }, "where the object log has"},
		"state misses a key":          {func(e *evidence) { delete(e.State, "x") }, "reading x gives"},
		"state has one too many":      {func(e *evidence) { e.State["k"] = event{Key: "k"} }, "which the history lacks"},
	} {
		t.Run(name, func(t *testing.T) {
			e := sound()
			e.State = maps.Clone(e.State)
			c.spoil(&e)
			faults := check(e)
			if !slices.ContainsFunc(faults, func(s string) bool { return strings.Contains(s, c.say) }) {
				t.Errorf("no fault says %q: %q", c.say, faults)
			}
		})
	}
}
