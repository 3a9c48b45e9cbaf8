package snapshot

import (
	"bytes"
	"errors"
	"io"
	"os"
	"testing"
	"testing/iotest"

	"github.com/netsy-io/netsy/pkg/datafile"
)

// TestDraftReads: the header in front and the body behind are one file to every reader.
func TestDraftReads(t *testing.T) {
	d := draftOf(t, 0, longHistory(200).recs)
	body, err := d.reader()
	if err != nil {
		t.Fatal(err)
	}
	want := bytesOf(t, d)
	if err := iotest.TestReader(body, want); err != nil {
		t.Error(err)
	}
	r, err := datafile.NewReader(bytes.NewReader(want))
	for err == nil {
		_, err = r.Next()
	}
	if err != io.EOF || int64(len(want)) != d.Info().Size || r.Footer() != d.footer {
		t.Errorf("%d bytes, %+v: %v", len(want), d.Info(), err)
	}
}

// TestDraftLeavesNothing: not even while it is there.
func TestDraftLeavesNothing(t *testing.T) {
	dir := t.TempDir()
	d, err := NewDraft(dir)
	if err != nil {
		t.Fatal(err)
	}
	if files, err := os.ReadDir(dir); err != nil || len(files) > 0 {
		t.Error(files, err)
	}
	if err := d.Close(); err != nil {
		t.Error(err)
	}
	if _, err := NewDraft(dir + "/missing"); err == nil {
		t.Error("a draft in a directory that is missing")
	}
}

func TestDraftRefuses(t *testing.T) {
	h := newHistory(1).put("a", "1").put("b", "1").del("a")
	d, err := NewDraft(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	if _, err := d.WriteTo(io.Discard); err == nil {
		t.Error("an unfinished draft was read")
	}
	for i := range h.recs {
		if err := d.Write(&h.recs[i]); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := d.Finish(datafile.Header{Purged: 3}); !errors.Is(err, datafile.ErrUsage) {
		t.Error(err)
	}
	if _, err := d.Finish(datafile.Header{}); err == nil {
		t.Error("finished twice")
	}
	if _, err := d.WriteTo(io.Discard); err == nil {
		t.Error("a draft that failed was read")
	}
	if err := d.Write(&h.recs[0]); err == nil {
		t.Error("written after its end")
	}
}
