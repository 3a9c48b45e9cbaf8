package datafile

import (
	"bytes"
	"errors"
	"testing"

	"github.com/netsy-io/netsy/pkg/record"
)

// body writes recs and ends with h.
func body(h Header, recs []record.Record) (file []byte, full Header, f Footer, err error) {
	var buf bytes.Buffer
	w := NewBodyWriter(&buf)
	for i := range recs {
		if err := w.Write(&recs[i]); err != nil {
			return nil, Header{}, Footer{}, err
		}
	}
	head, full, f, err := w.Close(h)
	return append(head, buf.Bytes()...), full, f, err
}

// TestBodyIsTheSameFile: a body with its header before it is, byte for byte, what a
// Writer that knew the header writes.
func TestBodyIsTheSameFile(t *testing.T) {
	for _, g := range goldens() {
		if g.header.Kind != Snapshot {
			continue
		}
		file, full, f, err := body(Header{LeaderID: g.header.LeaderID, CreatedAt: g.header.CreatedAt, Purged: g.header.Purged}, g.recs)
		if err != nil {
			t.Fatal(err)
		}
		if full != g.header || !bytes.Equal(file, g.encode(t)) {
			t.Errorf("%s: %+v, want %+v; equal bytes: %t", g.name, full, g.header, bytes.Equal(file, g.encode(t)))
		}
		if _, _, want, err := readAll(file); err != nil || f != want {
			t.Errorf("%s: footer %+v, want %+v: %v", g.name, f, want, err)
		}
	}
}

func TestBodyRefuses(t *testing.T) {
	recs := testRecords(10)
	for name, c := range map[string]struct {
		h    Header
		recs []record.Record
		want error
	}{
		"no records":            {Header{}, nil, ErrMalformed},
		"reduced up to the end": {Header{Purged: 13}, recs, ErrRecordMissing},
		"a tombstone below":     {Header{Purged: 12}, recs, ErrTombstone},
		"nothing above":         {Header{Purged: 13}, recs[5:], ErrRecordMissing},
		"a gap above":           {Header{Purged: 10}, reducedRecords(), ErrRecordMissing},
		"negative":              {Header{Purged: -1}, recs, ErrMalformed},
		"out of order":          {Header{}, []record.Record{recs[1], recs[0]}, ErrRecordReordered},
	} {
		if _, _, _, err := body(c.h, c.recs); !errors.Is(err, ErrUsage) || !errors.Is(err, c.want) {
			t.Errorf("%s: %v, want %v", name, err, c.want)
		}
	}
}

// TestReaderHoldsTheHeaderAgainstTheRecords: a header that says more than the records do.
func TestReaderHoldsTheHeaderAgainstTheRecords(t *testing.T) {
	for _, c := range []struct {
		purged record.Revision
		want   error
	}{{9, nil}, {10, ErrRecordMissing}, {11, nil}, {12, ErrTombstone}} {
		recs := reducedRecords()
		if c.purged == 9 {
			recs = testRecords(10)
		}
		file, full, _, err := body(Header{}, recs)
		if err != nil {
			t.Fatal(err)
		}
		body := file[len(appendHeader(nil, &full)):]
		full.Purged = c.purged
		if _, _, _, err := readAll(append(appendHeader(nil, &full), body...)); c.want == nil && err != nil || c.want != nil && kindOf(t, err) != c.want {
			t.Errorf("reduced up to %d: %v, want %v", c.purged, err, c.want)
		}
	}
}
