package origin

import (
	"bytes"
	"errors"
	"math"
	"testing"
	"time"

	"github.com/netsy-io/netsy/pkg/datafile"
	"github.com/netsy-io/netsy/pkg/record"
)

// history is that of a cluster: an epoch start, then puts, up to last.
func history(last record.Pos) []record.Record {
	recs := []record.Record{record.EpochStart(1, min(1, last.Epoch), "n", record.KeyState{}, time.Unix(1, 0))}
	for rev := record.Revision(2); rev <= last.Revision; rev++ {
		recs = append(recs, record.Record{
			Revision: rev, Epoch: min(1, last.Epoch), Key: []byte("k" + rev.Key()), Value: []byte("value"),
			Created: true, CreateRevision: rev, Version: 1,
		})
	}
	recs[len(recs)-1].Epoch = last.Epoch
	return recs
}

// file encodes recs; with changes its header first.
func file(t testing.TB, recs []record.Record, change ...func(*datafile.Header)) []byte {
	t.Helper()
	h := datafile.Header{Kind: datafile.Snapshot, RecordsCount: int64(len(recs)), Epoch: recs[len(recs)-1].Epoch}
	for _, fn := range change {
		fn(&h)
	}
	var b bytes.Buffer
	w := datafile.NewWriter(&b, h)
	for i := range recs {
		if err := w.Write(&recs[i]); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func TestReadWhole(t *testing.T) {
	at := func(rev record.Revision, sub int32, key string) record.Record {
		return record.Record{Revision: rev, Sub: sub, Epoch: 1, Key: []byte(key), Created: true, CreateRevision: rev, Version: 1}
	}
	first := at(1, 0, record.EpochStartKey)
	good := file(t, history(record.Pos{Epoch: 3, Revision: 20}))
	flipped := bytes.Clone(good)
	flipped[4] ^= 1
	for name, c := range map[string]struct {
		body []byte
		want []error // none: it is sound
	}{
		"a history":                      {body: good},
		"of a writer without epochs":     {body: file(t, history(record.Pos{Revision: 20}))},
		"of one revision":                {body: file(t, []record.Record{first})},
		"several records in a revision":  {body: file(t, []record.Record{first, at(2, 0, "a"), at(2, 1, "b"), at(3, 0, "c")})},
		"a tombstone":                    {body: file(t, []record.Record{first, at(2, 0, "a"), {Revision: 3, Epoch: 1, Key: []byte("a"), Deleted: true, CreateRevision: 2, PrevRevision: 2}})},
		"a chunk":                        {file(t, []record.Record{first}, func(h *datafile.Header) { h.Kind = datafile.Chunk }), []error{ErrKind}},
		"begins at 2":                    {file(t, []record.Record{at(2, 0, "a")}), []error{ErrGap}},
		"begins within revision 1":       {file(t, []record.Record{at(1, 1, record.EpochStartKey)}), []error{ErrGap}},
		"a gap":                          {file(t, []record.Record{first, at(3, 0, "a")}), []error{ErrGap}},
		"a gap within a revision":        {file(t, []record.Record{first, at(2, 0, "a"), at(2, 2, "b")}), []error{ErrGap}},
		"a revision without its first":   {file(t, []record.Record{first, at(2, 1, "a")}), []error{ErrGap}},
		"reduced":                        {file(t, []record.Record{first, at(2, 0, "a")}, func(h *datafile.Header) { h.Purged = 1 }), []error{ErrGap}},
		"revision 1 is a client's":       {file(t, []record.Record{at(1, 0, "a"), at(2, 0, "b")}), []error{ErrFirst}},
		"revision 1 is a client's, too":  {file(t, []record.Record{first, at(1, 1, "a")}), []error{ErrFirst}},
		"epoch beyond everything":        {file(t, history(record.Pos{Epoch: maxEpoch + 1, Revision: 4})), []error{ErrAbsurd}},
		"epoch at the end of all epochs": {file(t, history(record.Pos{Epoch: math.MaxInt64, Revision: 4})), []error{ErrAbsurd}},
		"empty":                          {nil, []error{ErrDamaged, datafile.ErrCorrupt, datafile.ErrTruncated}},
		"cut short":                      {good[:len(good)-9], []error{ErrDamaged, datafile.ErrCorrupt, datafile.ErrTruncated}},
		"flipped":                        {flipped, []error{ErrDamaged, datafile.ErrCorrupt, datafile.ErrChecksum}},
		"trailing bytes":                 {append(bytes.Clone(good), 0), []error{ErrDamaged, datafile.ErrCorrupt}},
	} {
		_, err := readWhole(bytes.NewReader(c.body), func() {})
		if err != nil {
			err = unreadable(BootstrapKey, err)
		}
		for _, want := range c.want {
			if !errors.Is(err, want) || !errors.As(err, new(*Error)) {
				t.Errorf("%s: %v, expected %v", name, err, want)
			}
		}
		if len(c.want) == 0 && err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// Each class of damage passes through, with its own error: see pkg/datafile for all of them.
func TestUnreadable(t *testing.T) {
	for _, kind := range []error{
		datafile.ErrTruncated, datafile.ErrLength, datafile.ErrTooLarge, datafile.ErrChecksum, datafile.ErrMalformed, datafile.ErrZstd, datafile.ErrRecordMissing,
		datafile.ErrRecordDuplicated, datafile.ErrRecordReordered, datafile.ErrRecordExtra, datafile.ErrEpoch, datafile.ErrFooter, datafile.ErrTrailing,
	} {
		err := unreadable("k", &datafile.Error{Class: datafile.ErrCorrupt, Kind: kind, At: "header", Err: errors.New("x")})
		if !errors.Is(err, ErrDamaged) || !errors.Is(err, kind) {
			t.Error(err)
		}
	}
	if err := unreadable("k", errors.New("the network")); errors.As(err, new(*Error)) {
		t.Errorf("blamed on the file: %v", err)
	}
}

// A history of any length, in every way it can go wrong by one step.
func TestWholeExhaustively(t *testing.T) {
	type pos struct {
		rev record.Revision
		sub int32
	}
	next := func(p pos) []pos { return []pos{{p.rev, p.sub + 1}, {p.rev + 1, 0}} }
	var walk func(w whole, p pos, depth int)
	walk = func(w whole, p pos, depth int) {
		if depth == 0 {
			return
		}
		for rev := record.Revision(0); rev < 5; rev++ {
			for sub := int32(0); sub < 4; sub++ {
				for _, key := range []string{"a", record.EpochStartKey} {
					v, q := w, pos{rev, sub}
					err := v.add(&record.Record{Revision: rev, Sub: sub, Key: []byte(key)})
					allowed := next(p)
					if p == (pos{}) {
						allowed = []pos{{1, 0}}
					}
					follows := q == allowed[0] || len(allowed) > 1 && q == allowed[1]
					ok := follows && (rev != 1 || key != "a")
					if (err == nil) != ok {
						t.Fatalf("%v after %v with key %s: %v", q, p, key, err)
					}
					if ok {
						walk(v, q, depth-1)
					}
				}
			}
		}
	}
	walk(whole{}, pos{}, 4)
}
