package check

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/netsy-io/netsy/pkg/datafile"
	"github.com/netsy-io/netsy/pkg/objectlog"
	"github.com/netsy-io/netsy/pkg/record"
)

const count = "count"

// sound is a small history in which nothing is wrong: two reigns, a counter, a key
// that comes and goes, writes in doubt of which one happened, reads of all kinds.
func sound() Evidence {
	put := func(rev record.Revision, epoch record.Epoch, leader, key, value string, create record.Revision, version int64) record.Record {
		return record.Record{Revision: rev, Epoch: epoch, LeaderID: leader, Key: []byte(key), Value: []byte(value), CreateRevision: create, Version: version}
	}
	del := record.Record{Revision: 7, Epoch: 2, LeaderID: "n2", Key: []byte("k"), Deleted: true, CreateRevision: 3}
	chunk := func(epoch record.Epoch, leader string, recs ...record.Record) objectlog.Chunk {
		return objectlog.Chunk{Header: datafile.Header{Epoch: epoch, LeaderID: leader}, Records: recs}
	}
	e := Evidence{
		End: 8, Counters: []string{count}, Patience: time.Minute,
		Chunks: []objectlog.Chunk{
			chunk(1, "n1", put(1, 1, "n1", record.EpochStartKey, "", 1, 1)),
			chunk(1, "n1", put(2, 1, "n1", count, "1:a", 2, 1), put(3, 1, "n1", "k", "b", 3, 1)),
			chunk(2, "n2", put(4, 1, "n1", count, "2:c", 2, 2)), // uploaded by the next
			chunk(2, "n2", put(5, 2, "n2", record.EpochStartKey, "", 1, 2)),
			chunk(2, "n2", put(6, 2, "n2", "x", "y", 6, 1), del, put(8, 2, "n2", "end", "e", 8, 1)),
		},
	}
	log := (&verdict{}).chain(e.Chunks, e.End)
	lost := errors.New("no answer")
	e.Ops = []Op{
		{Kind: Put, Key: count, Value: "1:a", Outcome: Done, Rev: 2},
		{Kind: Put, Key: "k", Value: "b", Outcome: Done, Rev: 3},
		{Kind: Put, Key: count, Value: "2:c", If: 2, Outcome: Unknown, Err: lost},
		{Kind: Put, Key: "x", Value: "z", Outcome: Refused, Err: lost},
		{Kind: Put, Key: "x", Value: "w", Outcome: Unknown, Err: lost},
		{Kind: Put, Key: "x", Value: "y", Outcome: Done, Rev: 6},
		{Kind: Put, Key: "x", Value: "v", Outcome: Refused, Rev: 6, Shown: true, Saw: log[3:4]},
		{Kind: Delete, Key: "k", If: 3, Outcome: Done, Rev: 7},
		{Kind: Delete, Key: "k", If: 3, Outcome: Refused, Rev: 7},
		{Kind: Delete, Key: "k", If: Always, Outcome: Refused, Rev: 7},
		{Kind: Read, Key: "k", Outcome: Done, Rev: 7, Shown: true},
		{Kind: Read, Key: "a", End: "z", Outcome: Done, Rev: 7, Shown: true, Saw: []Event{log[2], log[3]}},
		{Kind: Read, Key: "k", Outcome: Done, Rev: 4, Shown: true, Saw: log[1:2], Serializable: true},
		{Kind: Read, Key: "k", Outcome: Done, Rev: 7, Shown: true, Saw: log[1:2], At: 3},
		{Kind: Read, Key: "k", Outcome: Unknown, Err: lost},
		{Kind: Put, Key: "end", Value: "e", If: Always, Outcome: Done, Rev: 8},
	}
	for i := range e.Ops { // one after the other
		e.Ops[i].Call, e.Ops[i].Return = time.Duration(10*i), time.Duration(10*i+9)
	}
	e.State = []Event{log[2], log[3], log[5]}
	e.Watches = []Watch{
		{Name: "all", Key: "\x00", End: "\x00", From: 1, To: 8, Events: slices.Clone(log)},
		{Name: "some", Key: "k", From: 3, To: 7, Events: []Event{log[1], log[4]}},
	}
	var records []record.Record
	for _, c := range e.Chunks {
		records = append(records, c.Records...)
	}
	e.Copies = []Copy{
		{Name: "n1", Records: append(slices.Clone(records[:4]), record.Record{Revision: 5, Epoch: 1, Key: []byte("tentative")}), Through: 4},
		{Name: "n2", Records: records, Through: 8},
	}
	return e
}

const (
	opCount, opK, opDoubt, opRefused, opDoubtNot, opX, opLate, opDelete = 0, 1, 2, 3, 4, 5, 6, 7
	opRead, opList, opOld, opAt, opEnd                                  = 10, 11, 12, 13, 15
)

func TestSound(t *testing.T) {
	if faults := sound().Faults(); len(faults) > 0 {
		t.Fatalf("a sound history: %q", faults)
	}
}

// TestFaults: each fault that is put into a sound history is found.
func TestFaults(t *testing.T) {
	rec := func(e *Evidence, chunk, i int) *record.Record { return &e.Chunks[chunk].Records[i] }
	for name, c := range map[string]struct {
		spoil func(e *Evidence)
		say   string
	}{
		"acknowledged and lost":               {func(e *Evidence) { e.Ops = append(e.Ops, Op{Key: "q", Value: "v", Outcome: Done, Rev: 6}) }, "is lost"},
		"acknowledged elsewhere":              {func(e *Evidence) { e.Ops[opCount].Rev = 4 }, "happened at revision 2"},
		"one revision for two":                {func(e *Evidence) { e.Ops[opK].Rev = 2 }, "acknowledged twice"},
		"refused but done":                    {func(e *Evidence) { e.Ops[opX].Outcome = Refused }, "happened all the same"},
		"refused deletion done":               {func(e *Evidence) { e.Ops[opDelete].Outcome = Refused }, "nobody is known"},
		"in doubt and done twice":             {func(e *Evidence) { rec(e, 4, 0).Key, rec(e, 4, 0).Value = []byte(count), []byte("2:c") }, "happened 2 times"},
		"done against its condition":          {func(e *Evidence) { e.Ops[opDoubt].If = 3 }, "mod revision was 2, not 3"},
		"nobody's":                            {func(e *Evidence) { e.Ops = e.Ops[:opEnd] }, "nobody is known"},
		"clients write the same":              {func(e *Evidence) { e.Ops[opDoubtNot].Value = "z" }, "clients are at fault"},
		"counter skips":                       {func(e *Evidence) { rec(e, 2, 0).Value = []byte("3:c") }, "3 instead of 2"},
		"revision missing in log":             {func(e *Evidence) { e.Chunks = slices.Delete(e.Chunks, 2, 3) }, "has revision 5.0 after 3.0"},
		"log ends early":                      {func(e *Evidence) { e.End = 9 }, "does not end with revision 9"},
		"epoch goes back":                     {func(e *Evidence) { rec(e, 4, 0).Epoch = 1 }, "after one of epoch 2"},
		"header's epoch goes back":            {func(e *Evidence) { e.Chunks[4].Header.Epoch = 1 }, "follows one of epoch 2"},
		"header of a lower epoch":             {func(e *Evidence) { e.Chunks[3].Header.Epoch = 1 }, "was uploaded in epoch 1"},
		"no seal":                             {func(e *Evidence) { rec(e, 3, 0).Key = []byte("s") }, "does not begin with its seal"},
		"two seals":                           {func(e *Evidence) { rec(e, 4, 0).Key = []byte(record.EpochStartKey) }, "begins again"},
		"two Primaries in an epoch":           {func(e *Evidence) { rec(e, 4, 0).LeaderID = "n1" }, "was assigned by n1"},
		"two writers in an epoch":             {func(e *Evidence) { e.Chunks[4].Header.LeaderID = "n1" }, "two nodes wrote chunks"},
		"a revision split":                    {func(e *Evidence) { rec(e, 4, 0).Revision, rec(e, 4, 0).Sub = 5, 1 }, "has revision 5.1 after 5.0"},
		"version":                             {func(e *Evidence) { rec(e, 2, 0).Version = 3 }, "should follow"},
		"create revision":                     {func(e *Evidence) { rec(e, 4, 0).CreateRevision = 5 }, "first version of its key"},
		"deleted twice":                       {func(e *Evidence) { rec(e, 4, 0).Key, rec(e, 4, 0).Deleted = []byte("nokey"), true }, "does not exist"},
		"event missing at the end":            {func(e *Evidence) { e.Watches[0].Events = e.Watches[0].Events[:5] }, "all lacks"},
		"event missing in the middle":         {func(e *Evidence) { e.Watches[0].Events = slices.Delete(e.Watches[0].Events, 1, 2) }, "where the object log has"},
		"event too many":                      {func(e *Evidence) { e.Watches[0].Events = append(e.Watches[0].Events, Event{Rev: 8}) }, "which the object log lacks"},
		"event differs":                       {func(e *Evidence) { e.Watches[0].Events[0].Value = "1:b" }, "where the object log has"},
		"event of another key":                {func(e *Evidence) { e.Watches[1].Key = "l" }, "some has"},
		"state misses a key":                  {func(e *Evidence) { e.State = e.State[1:] }, "reading count gives"},
		"state has one too many":              {func(e *Evidence) { e.State = append(e.State, Event{Key: "q"}) }, "which the history lacks"},
		"state has a key twice":               {func(e *Evidence) { e.State = append(e.State, e.State[0]) }, "twice"},
		"copy lacks a record":                 {func(e *Evidence) { e.Copies[1].Records = slices.Delete(slices.Clone(e.Copies[1].Records), 2, 3) }, "lacks revision 3.0"},
		"copy ends early":                     {func(e *Evidence) { e.Copies[1].Records = e.Copies[1].Records[:7] }, "n2 lacks revision 8.0"},
		"copy lacks what wasn't replaced":     {func(e *Evidence) { compacted(e, 6, 6) }, "n2 lacks revision 6.0"},
		"copy lacks what is above compaction": {func(e *Evidence) { compacted(e, 3, 2) }, "n2 lacks revision 2.0"},
		"copy differs in its epoch":           {func(e *Evidence) { e.Copies[0].Records[3].Epoch = 2 }, "n1 holds"},
		"copy differs":                        {func(e *Evidence) { e.Copies[0].Through = 5 }, "n1 holds"},
		"copy beyond the log":                 {func(e *Evidence) { e.Copies[1].Through = 9 }, "has published revision 9"},
		"read is stale":                       {func(e *Evidence) { e.Ops[opRead].Rev = 6 }, "is older than"},
		"write is stale":                      {func(e *Evidence) { swapTimes(e, opX, opDelete) }, "is older than"},
		"write's revision was known":          {func(e *Evidence) { e.Ops[opLate].Rev, e.Ops[opLate].Outcome = 6, Done }, "has the revision of"},
		"read is wrong":                       {func(e *Evidence) { e.Ops[opRead].Saw = []Event{{Key: "k"}} }, "but at revision 7 there was []"},
		"read of the past is wrong":           {func(e *Evidence) { e.Ops[opAt].Saw = nil }, "but at revision 3 there was"},
		"serializable read is wrong":          {func(e *Evidence) { e.Ops[opOld].Saw = nil }, "but at revision 4 there was"},
		"list is wrong":                       {func(e *Evidence) { e.Ops[opList].Saw = e.Ops[opList].Saw[:1] }, "but at revision 7 there was"},
		"read from the future":                {func(e *Evidence) { e.Ops[opOld].Rev, e.Ops[opOld].Saw = 8, nil }, "ended before the write of revision 8 began"},
		"refused for no reason":               {func(e *Evidence) { e.Ops[opLate].If = 6 }, "did not hold, but the key's mod revision was 6"},
		"failure branch is wrong":             {func(e *Evidence) { e.Ops[opLate].Saw = nil }, "but at revision 6 there was"},
		"no order: read":                      {func(e *Evidence) { e.Ops[opRead].Saw = e.Ops[opOld].Saw }, "no order of the"},
		"no order: refused":                   {func(e *Evidence) { e.Ops[opLate].If = 6 }, "no order of the"},
		"no order: failure branch":            {func(e *Evidence) { e.Ops[opLate].Saw = nil }, "no order of the"},
		"no order: in doubt":                  {func(e *Evidence) { e.Ops[opDoubt].Call = 1 << 40; e.Ops = append(e.Ops, readOf(count, 4, 200)) }, "no order of the"},
	} {
		t.Run(name, func(t *testing.T) {
			e := sound()
			c.spoil(&e)
			faults := e.Faults()
			if !slices.ContainsFunc(faults, func(s string) bool { return strings.Contains(s, c.say) }) {
				t.Errorf("no fault says %q: %q", c.say, faults)
			}
		})
	}
}

func swapTimes(e *Evidence, i, j int) {
	a, b := &e.Ops[i], &e.Ops[j]
	a.Call, a.Return, b.Call, b.Return = b.Call, b.Return, a.Call, a.Return
}

// readOf reads the counter as revision rev left it.
func readOf(key string, rev int64, at time.Duration) Op {
	return Op{Kind: Read, Key: key, Outcome: Done, Rev: 8, Shown: true, Saw: []Event{{Rev: rev, Key: key, Value: "2:c"}}, Call: at, Return: at + 1}
}

// TestManyFaults: a report stays short.
func TestManyFaults(t *testing.T) {
	e := sound()
	for range 100 {
		e.Ops = append(e.Ops, Op{Key: "q", Value: "v", Outcome: Done, Rev: 6})
	}
	faults := e.Faults()
	if len(faults) != most+1 || !strings.Contains(faults[most], "more") {
		t.Errorf("%d faults, the last %q", len(faults), faults[len(faults)-1])
	}
}

// TestImpatient: a search that takes too long is not a verdict of innocence.
func TestImpatient(t *testing.T) {
	v := &verdict{}
	var ops []Op
	for i := range 40 { // all at once, and none explains what the last one saw
		ops = append(ops, Op{Kind: Put, Key: "k", Value: string(rune('a' + i)), If: Always, Outcome: Done, Rev: int64(i + 1), Return: 100})
	}
	ops = append(ops, readOf("k", 99, 50))
	v.linearizable(ops, nil, time.Millisecond)
	if len(v.faults) != 1 || !strings.Contains(v.faults[0], "nothing is decided") {
		t.Errorf("%q", v.faults)
	}
}

// compacted makes the second copy one that has compacted to rev and lacks the record at gone.
func compacted(e *Evidence, rev, gone record.Revision) {
	c := &e.Copies[1]
	c.Compacted = rev
	c.Records = slices.DeleteFunc(slices.Clone(c.Records), func(r record.Record) bool { return r.Revision == gone })
}

// TestCompacted: a copy may lack what was replaced, and deletions, up to its compaction.
func TestCompacted(t *testing.T) {
	for rev, gone := range map[record.Revision]record.Revision{4: 2, 5: 1, 7: 7} {
		e := sound()
		compacted(&e, rev, gone)
		if faults := e.Faults(); len(faults) > 0 {
			t.Errorf("compacted to %d without revision %d: %q", rev, gone, faults)
		}
	}
}

// TestManyInDoubt: hundreds of deletions that nobody answered are no burden to the
// search, whether one of them happened, none, or another did it.
func TestManyInDoubt(t *testing.T) {
	for name, known := range map[string]Outcome{"one of them": Refused, "another": Done} {
		v := &verdict{}
		log := []Event{{Rev: 2, Key: "k", Value: "v", Create: 2, Version: 1}, {Rev: 3, Key: "k", Delete: true}}
		ops := []Op{{Kind: Put, Key: "k", Value: "v", Outcome: Done, Rev: 2, Call: 1, Return: 2}}
		for i := range 300 {
			ops = append(ops, Op{Kind: Delete, Key: "k", If: 2, Outcome: Unknown, Err: errors.New("lost"), Call: time.Duration(3 + i)})
		}
		if known == Done {
			ops = append(ops, Op{Kind: Delete, Key: "k", If: 2, Outcome: Done, Rev: 3, Call: 400, Return: 401})
		}
		ops = append(ops, Op{Kind: Read, Key: "k", Outcome: Done, Rev: 2, Shown: true, Saw: log[:1], Call: 310, Return: 311},
			Op{Kind: Read, Key: "k", Outcome: Done, Rev: 3, Shown: true, Call: 500, Return: 501})
		v.linearizable(ops, log, time.Minute)
		if len(v.faults) > 0 {
			t.Errorf("%s: %q", name, v.faults)
		}
	}
}
