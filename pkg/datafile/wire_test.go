package datafile

import (
	"bytes"
	"errors"
	"testing"
	"time"

	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"
	"pgregory.net/rapid"

	"github.com/netsy-io/netsy/pkg/netsypb/datafilepb"
	"github.com/netsy-io/netsy/pkg/record"
)

func pbTime(t time.Time) *timestamppb.Timestamp {
	if t.IsZero() {
		return nil
	}
	return timestamppb.New(t)
}

func pbRecord(r *record.Record) *datafilepb.Record {
	return &datafilepb.Record{
		Revision: int64(r.Revision), Key: r.Key, Created: r.Created, Deleted: r.Deleted, CreateRevision: int64(r.CreateRevision),
		PrevRevision: int64(r.PrevRevision), Version: r.Version, Lease: r.Lease, Dek: r.DEK, Value: r.Value,
		CreatedAt: pbTime(r.CreatedAt), CompactedAt: pbTime(r.CompactedAt), LeaderId: r.LeaderID, ReplicatedAt: pbTime(r.ReplicatedAt),
		Epoch: int64(r.Epoch), Sub: r.Sub,
	}
}

func marshal(t rapid.TB, m proto.Message) []byte {
	b, err := proto.MarshalOptions{Deterministic: true}.Marshal(m)
	if err != nil {
		t.Fatalf("Marshal: %v", err)
	}
	return b
}

func drawTime(t *rapid.T, label string) time.Time {
	if rapid.Bool().Draw(t, label+" absent") {
		return time.Time{}
	}
	return time.Unix(rapid.Int64Range(minSeconds+1, maxSeconds).Draw(t, label), rapid.Int64Range(0, 999_999_999).Draw(t, label+" ns")).UTC()
}

func drawRecord(t *rapid.T) record.Record {
	n := func(label string, least int64) int64 {
		return rapid.OneOf(rapid.Int64Range(least, 300), rapid.Int64Min(least)).Draw(t, label)
	}
	return record.Record{
		Revision: revision(n("revision", 1)), Sub: rapid.Int32Min(0).Draw(t, "sub"), Epoch: epoch(n("epoch", 0)),
		Key: rapid.SliceOfN(rapid.Byte(), 1, 40).Draw(t, "key"), Value: rapid.SliceOfN(rapid.Byte(), 0, 300).Draw(t, "value"),
		Created: rapid.Bool().Draw(t, "created"), Deleted: rapid.Bool().Draw(t, "deleted"),
		CreateRevision: revision(n("create", 0)), PrevRevision: revision(n("prev", 0)), Version: n("version", 0),
		Lease: rapid.Int64().Draw(t, "lease"), DEK: rapid.Int64().Draw(t, "dek"), LeaderID: rapid.String().Draw(t, "leader"),
		CreatedAt: drawTime(t, "created_at"), CompactedAt: drawTime(t, "compacted_at"), ReplicatedAt: drawTime(t, "replicated_at"),
	}
}

// The encoding by hand is the generated one, byte for byte, and both read the other's.
func TestRecordEncodingIsTheGeneratedOne(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		r := drawRecord(t)
		pb := pbRecord(&r)
		body := appendRecord(nil, &r)
		if want := marshal(t, pb); !bytes.Equal(body, want) {
			t.Fatalf("body\n%x, generated\n%x", body, want)
		}
		pb.Crc = rapid.Uint64().Draw(t, "crc")
		msg := marshal(t, pb)
		if spliced := appendChecked(nil, pb.Crc, body); !bytes.Equal(spliced, protowire.AppendBytes(nil, msg)) {
			t.Fatalf("spliced\n%x, generated\n%x", spliced, msg)
		}
		crc, cut, err := cutChecksum(msg)
		if err != nil || crc != pb.Crc || !bytes.Equal(cut, body) {
			t.Fatalf("cut: %x %x %v", crc, cut, err)
		}
		back, err := parseRecord(cut, "")
		if err != nil {
			t.Fatal(err)
		}
		if err := sameRecord(&back, &r); err != nil {
			t.Fatal(err)
		}
	})
}

func TestHeaderAndFooterEncodingAreTheGeneratedOnes(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		h := Header{
			Kind: Chunk, Compression: rapid.SampledFrom([]Compression{None, Zstd}).Draw(t, "compression"), RecordsCount: rapid.Int64Min(1).Draw(t, "count"),
			LeaderID: rapid.StringN(0, 20, 60).Draw(t, "leader"), CreatedAt: drawTime(t, "created_at"), Epoch: epoch(rapid.Int64Min(0).Draw(t, "epoch")),
			ChunkID: ChunkID(rapid.SliceOfN(rapid.Byte(), 0, 16).Draw(t, "id")),
		}
		got := appendHeader(nil, &h)
		var pb datafilepb.FileHeader
		if _, n := protowire.ConsumeVarint(got); proto.Unmarshal(got[n:], &pb) != nil {
			t.Fatalf("the generated code can't read %x", got)
		}
		crc := pb.Crc
		pb.Crc = 0
		body := marshal(t, &pb)
		if err := verifyChecksum(crc, body); err != nil {
			t.Fatal(err)
		}
		pb.Crc = crc
		if want := protowire.AppendBytes(nil, marshal(t, &pb)); !bytes.Equal(got, want) {
			t.Fatalf("header\n%x, generated\n%x", got, want)
		}
		if back, err := DecodeHeader(append(got, 1, 2, 3)); err != nil || back != h {
			t.Fatalf("%+v, %v, want %+v", back, err, h)
		}

		f := Footer{RecordsCRC: rapid.Uint64().Draw(t, "records crc"), First: revision(rapid.Int64Min(0).Draw(t, "first")), Last: revision(rapid.Int64Min(0).Draw(t, "last"))}
		pf := &datafilepb.FileFooter{RecordsCrc: f.RecordsCRC, FirstRevision: int64(f.First), LastRevision: int64(f.Last)}
		pf.Crc = checksum(marshal(t, pf))
		msg := marshal(t, pf)
		if got := appendFooter(nil, &f); !bytes.Equal(got, protowire.AppendBytes(nil, msg)) {
			t.Fatalf("footer\n%x, generated\n%x", got, msg)
		}
		if back, err := parseFooter(msg); err != nil || back != f {
			t.Fatalf("%+v, %v, want %+v", back, err, f)
		}
	})
}

// What a lenient protobuf parser would accept, and could then not keep or compare.
func TestFieldsAreStrict(t *testing.T) {
	good := appendRecord(nil, &record.Record{Revision: 1, Key: []byte("k")})
	if _, err := parseRecord(good, ""); err != nil {
		t.Fatal(err)
	}
	tag := func(n protowire.Number, typ protowire.Type) []byte { return protowire.AppendTag(nil, n, typ) }
	for name, tail := range map[string][]byte{
		"unknown field":          append(tag(18, protowire.VarintType), 1),
		"field twice":            append(tag(3, protowire.BytesType), 1, 'x'),
		"fields out of order":    append(tag(2, protowire.VarintType), 1),
		"crc not first":          append(tag(1, protowire.VarintType), 1),
		"bool of two":            append(tag(4, protowire.VarintType), 2),
		"wrong wire type":        append(tag(8, protowire.BytesType), 0),
		"bytes as varint":        append(tag(11, protowire.VarintType), 1),
		"negative version":       appendInt(nil, 8, -1),
		"negative create":        appendInt(nil, 6, -1),
		"negative epoch":         appendInt(nil, 16, -1),
		"sub beyond 32 bits":     appendInt(nil, 17, 1<<31),
		"invalid UTF-8":          append(tag(14, protowire.BytesType), 1, 0xff),
		"bytes beyond the end":   append(tag(11, protowire.BytesType), 9, 1),
		"tag cut short":          {0x80},
		"field number zero":      {0x00, 0x00},
		"group":                  {18<<3&0xff | 3, 1},
		"time: unknown field":    append(tag(12, protowire.BytesType), 2, 3<<3, 1),
		"time: too many nanos":   append(tag(12, protowire.BytesType), 6, 2<<3, 0x80, 0x94, 0xeb, 0xdc, 0x03),
		"time: beyond year 9999": append(tag(12, protowire.BytesType), append([]byte{8}, appendInt(nil, 1, maxSeconds+1)...)...),
	} {
		t.Run(name, func(t *testing.T) {
			if name == "time: beyond year 9999" {
				tail[1] = byte(len(tail) - 2)
			}
			_, err := parseRecord(append(bytes.Clone(good), tail...), "")
			if !errors.Is(err, ErrMalformed) || !errors.Is(err, ErrCorrupt) {
				t.Errorf("got %v", err)
			}
		})
	}
}

func TestLengthIsStrict(t *testing.T) {
	for in, want := range map[string]error{
		"\x01": nil, "\x80\x01": nil, "\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01": nil,
		"":                 ErrTruncated,
		"\x80":             ErrTruncated,
		"\x00":             ErrLength,
		"\x81\x00":         ErrLength,
		"\x80\x80\x80\x00": ErrLength,
		"\xff\xff\xff\xff\xff\xff\xff\xff\xff\x02":     ErrLength,
		"\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01": ErrLength,
	} {
		_, n, err := parseLength([]byte(in))
		if !errors.Is(err, want) || err == nil && n != len(in) {
			t.Errorf("%q: %d, %v", in, n, err)
		}
		if in == "" {
			continue // io.EOF, which its caller explains
		}
		if _, err := readLength(bytes.NewReader([]byte(in))); !errors.Is(err, want) {
			t.Errorf("%q, streamed: %v", in, err)
		}
	}
}
