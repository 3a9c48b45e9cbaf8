package datafile

import (
	"bytes"
	"errors"
	"testing"

	"google.golang.org/protobuf/proto"

	"github.com/netsy-io/netsy/pkg/netsypb/datafilepb"
	"github.com/netsy-io/netsy/pkg/record"
)

// TestRecordMessage: each sort of record comes back, after anything that b held
// before, and is what protobuf's own code makes of the same message.
func TestRecordMessage(t *testing.T) {
	for _, r := range testRecords(5) {
		msg := AppendRecord([]byte("before"), &r)
		rest, ok := bytes.CutPrefix(msg, []byte("before"))
		if !ok {
			t.Fatalf("%q", msg)
		}
		got, err := DecodeRecord(rest)
		if err != nil {
			t.Fatal(err)
		}
		if err := sameRecord(&got, &r); err != nil {
			t.Error(err)
		}
		var m datafilepb.Record
		if err := proto.Unmarshal(rest, &m); err != nil {
			t.Fatal(err)
		}
		if m.Crc != checksum(appendRecord(nil, &r)) || m.Revision != int64(r.Revision) || !bytes.Equal(m.Value, r.Value) {
			t.Errorf("%+v", &m)
		}
		if again, err := (proto.MarshalOptions{Deterministic: true}).Marshal(&m); err != nil || !bytes.Equal(again, rest) {
			t.Errorf("%x, %v, want %x", again, err, rest)
		}
	}
}

// TestRecordMessageDamage: whatever bit flips and wherever it is cut, it is refused.
func TestRecordMessageDamage(t *testing.T) {
	r := testRecords(5)[1]
	msg := AppendRecord(nil, &r)
	refused := func(b []byte, what string, at int) {
		if got, err := DecodeRecord(b); !errors.Is(err, ErrCorrupt) || got.Key != nil {
			t.Errorf("%s %d: %+v, %v", what, at, got, err)
		}
	}
	for i := range len(msg) * 8 {
		b := bytes.Clone(msg)
		b[i/8] ^= 1 << (i % 8)
		refused(b, "bit", i)
	}
	for n := range msg {
		refused(msg[:n], "cut at", n)
	}
	refused(append(bytes.Clone(msg), 0), "longer by", 1)
	refused(make([]byte, MaxRecordSize+1), "size", MaxRecordSize+1)
}

// FuzzRecordMessage: nothing makes the decoder panic, and what it takes comes back.
func FuzzRecordMessage(f *testing.F) {
	for _, r := range testRecords(5) {
		f.Add(AppendRecord(nil, &r))
	}
	f.Fuzz(func(t *testing.T, msg []byte) {
		r, err := DecodeRecord(msg)
		if err != nil {
			if !errors.Is(err, ErrCorrupt) {
				t.Fatalf("of no class: %v", err)
			}
			return
		}
		again, err := DecodeRecord(AppendRecord(nil, &r))
		if err != nil {
			t.Fatal(err)
		}
		if err := sameRecord(&again, &r); err != nil {
			t.Fatal(err)
		}
	})
}

func BenchmarkAppendRecord(b *testing.B) {
	r := record.Record{Revision: 1 << 30, Epoch: 3, Key: []byte("/registry/pods/default/a"), Value: bytes.Repeat([]byte("v"), 1000), Version: 3, CreatedAt: testTime, LeaderID: "node-1"}
	buf := make([]byte, 0, 2000)
	b.ReportAllocs()
	for b.Loop() {
		buf = AppendRecord(buf[:0], &r)
	}
}
