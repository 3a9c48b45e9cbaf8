package loading

import (
	"errors"
	"testing"

	"github.com/netsy-io/netsy/pkg/record"
)

// TestPlanExhaustive lays every log of up to five records over every local copy
// of up to five, with epochs 1 to 3 that never go back, for every place where the
// read of the log may begin, and checks the plan against the definition: after it
// the local copy holds the log, and kept only records that agree with it.
func TestPlanExhaustive(t *testing.T) {
	const n = 5
	histories := allHistories(n, 3)
	cases := 0
	for _, log := range histories {
		for _, local := range histories {
			for from := 0; from < len(log); from++ {
				if from > len(local) || !equal(log[:from], local[:from]) {
					continue // the log is read from where the copies are known to agree
				}
				checkPlan(t, log, local, from)
				cases++
			}
		}
	}
	if cases < 1000 {
		t.Fatalf("only %d cases", cases)
	}
}

func checkPlan(t *testing.T, log, local []record.Epoch, from int) {
	t.Helper()
	chunk := make([]record.Record, 0, len(log)-from)
	for i := from; i < len(log); i++ {
		chunk = append(chunk, record.Record{Revision: record.Revision(i + 1), Epoch: log[i]})
	}
	m, err := plan(chunk, record.Revision(len(local)), func(r record.Revision) (record.Epoch, bool, error) {
		return local[r-1], true, nil
	})
	if err != nil {
		t.Fatal(err)
	}
	got := append([]record.Epoch(nil), local...)
	if m.truncate {
		if int(m.keep) >= len(local) {
			t.Fatalf("log %v, local %v: truncates to %d, which removes nothing", log, local, m.keep)
		}
		got = got[:m.keep]
	}
	for _, r := range m.add {
		if int(r.Revision) != len(got)+1 {
			t.Fatalf("log %v, local %v from %d: adds revision %d to %d records", log, local, from, r.Revision, len(got))
		}
		got = append(got, r.Epoch)
	}
	agrees := len(local) >= len(log) && equal(log, local[:len(log)])
	switch {
	case agrees && !equal(got, local):
		t.Fatalf("log %v, local %v: the local copy agrees and was changed to %v", log, local, got)
	case !agrees && !equal(got, log):
		t.Fatalf("log %v, local %v from %d: became %v", log, local, from, got)
	}
}

func allHistories(n int, epochs record.Epoch) [][]record.Epoch {
	out := [][]record.Epoch{nil}
	for i := 0; i < len(out); i++ {
		if len(out[i]) == n {
			continue
		}
		lowest := record.Epoch(1)
		if l := len(out[i]); l > 0 {
			lowest = out[i][l-1]
		}
		for e := lowest; e <= epochs; e++ {
			out = append(out, append(append([]record.Epoch(nil), out[i]...), e))
		}
	}
	return out
}

func equal(a, b []record.Epoch) bool {
	if len(a) != len(b) {
		return false
	}
	for i := range a {
		if a[i] != b[i] {
			return false
		}
	}
	return true
}

func TestPlanNeverSplitsARevision(t *testing.T) {
	chunk := []record.Record{
		{Revision: 1, Epoch: 1},
		{Revision: 2, Sub: 0, Epoch: 2}, {Revision: 2, Sub: 1, Epoch: 2},
	}
	calls := 0
	m, err := plan(chunk, 2, func(r record.Revision) (record.Epoch, bool, error) {
		calls++
		if r == 2 && calls == 3 {
			return 1, true, nil // disagrees only when asked for the second record
		}
		return chunk[r-1].Epoch, true, nil
	})
	if err != nil || !m.truncate || m.keep != 1 || len(m.add) != 2 {
		t.Fatalf("%+v, %v", m, err)
	}
}

func TestPlanReportsReadErrors(t *testing.T) {
	broken := errors.New("broken")
	_, err := plan([]record.Record{{Revision: 1, Epoch: 1}}, 1, func(record.Revision) (record.Epoch, bool, error) { return 0, false, broken })
	if !errors.Is(err, broken) {
		t.Fatal(err)
	}
}
