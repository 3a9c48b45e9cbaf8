package datafile

import (
	"bytes"
	"encoding/hex"
	"flag"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/netsy-io/netsy/pkg/record"
)

var update = flag.Bool("update", false, "write the golden files anew")

type golden struct {
	name   string
	header Header
	recs   []record.Record
	exact  bool // the encoder must give these very bytes; zstd's may change with its version
}

func goldens() []golden {
	minimal := record.Record{Revision: 1, Epoch: 1, Key: []byte("_netsy/epoch"), Created: true, CreateRevision: 1, Version: 1}
	long := testRecords(100)
	long[1].Value = bytes.Repeat([]byte("compressible "), 1000)
	var older []record.Record // as written by others: no epoch, no sub, no chunk id
	for i := range record.Revision(3) {
		older = append(older, record.Record{Revision: i + 1, Key: []byte{'a' + byte(i)}, Value: []byte("v"), Created: true, CreateRevision: i + 1, Version: 1, CreatedAt: testTime, LeaderID: "node-1"})
	}
	snapshot := testHeader(Snapshot, Zstd, len(long))
	snapshot.ChunkID = ""
	return []golden{
		{"minimal", Header{Kind: Chunk, Compression: None, RecordsCount: 1, LeaderID: "a", Epoch: 1, ChunkID: "\x01\x02\x03\x04", CreatedAt: time.Unix(1, 0).UTC()}, []record.Record{minimal}, true},
		{"chunk", testHeader(Chunk, None, 6), testRecords(10), true},
		{"chunk-zstd", testHeader(Chunk, Zstd, 6), long, false},
		{"snapshot", snapshot, long, false},
		{"snapshot-purged", Header{Kind: Snapshot, Compression: Zstd, RecordsCount: 4, LeaderID: "node-1", CreatedAt: testTime, Epoch: 6, Purged: 11}, reducedRecords(), false},
		{"tombstone", testHeader(Chunk, None, 0), nil, true},
		{"without-epochs", Header{Kind: Chunk, Compression: None, RecordsCount: 3, LeaderID: "node-1", CreatedAt: testTime}, older, true},
	}
}

// reducedRecords are what stays of testRecords(10) when history is reduced up to 11.
func reducedRecords() []record.Record {
	recs := testRecords(10)
	return append(recs[:1:1], recs[2:5]...) // the state at 11, of which one key is gone; all of 12
}

func (g *golden) encode(t *testing.T) []byte {
	switch {
	case g.header.Tombstone():
		b, err := EncodeTombstone(g.header)
		if err != nil {
			t.Fatal(err)
		}
		return b
	case g.header.Kind == Snapshot:
		return writeStream(t, g.header, g.recs)
	default:
		return mustEncode(t, g.header, g.recs)
	}
}

// TestGoldenFiles: files once written stay readable, with the same contents.
func TestGoldenFiles(t *testing.T) {
	for _, g := range goldens() {
		t.Run(g.name, func(t *testing.T) {
			path := filepath.Join("testdata", g.name+".netsy")
			if *update {
				if err := os.WriteFile(path, g.encode(t), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			file, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			h, recs, _, err := readAll(file)
			if err != nil {
				t.Fatal(err)
			}
			if err := sameRecords(recs, g.recs); err != nil || h != g.header {
				t.Errorf("header %+v, want %+v; %v", h, g.header, err)
			}
			if got := g.encode(t); g.exact && !bytes.Equal(got, file) {
				t.Errorf("encoded now\n%s, then\n%s", hex.Dump(got), hex.Dump(file))
			}
		})
	}
}
