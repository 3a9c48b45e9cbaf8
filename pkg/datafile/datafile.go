// Package datafile reads and writes .netsy data files: the chunks and snapshots
// that make up the history in object storage. docs/data-files.md has the format
// byte by byte; proto/netsy/datafile/v1 has its messages.
//
// Everything that can be wrong with a file is found and named (see errors.go), and
// everything is streamed: memory doesn't grow with the file. Only EncodeChunk and
// DecodeChunk hold a whole file, and a chunk is bounded by MaxChunkSize.
package datafile

import (
	"encoding/hex"
	"fmt"
	"hash/crc64"
	"time"

	"github.com/netsy-io/netsy/pkg/netsypb/datafilepb"
	"github.com/netsy-io/netsy/pkg/record"
)

// SchemaVersion is the only version of the format that there is.
const SchemaVersion = 1

// Bounds. A reader refuses what lies beyond them before it allocates anything, and
// a writer refuses to write it.
const (
	// MaxHeaderSize bounds an encoded header with its length prefix: a dozen small
	// fields and a node id of at most 32 characters come to about 120 bytes; the
	// rest is room for other writers' ids. One range read of this size has it.
	MaxHeaderSize = 1 << 10

	// MaxRecordSize bounds one encoded record. Clients' requests are limited to a
	// few MiB (etcd's default is 1.5 MiB); a larger record can only be damage.
	MaxRecordSize = 16 << 20

	// MaxChunkSize bounds the decoded size of one chunk, which is held in memory.
	// Chunks are cut at 4 MB, plus at most one transaction that crosses the line.
	MaxChunkSize = 64 << 20

	// CompressAbove is the size of keys and values above which a chunk is
	// compressed; below, zstd saves less than a request's own overhead.
	CompressAbove = 4 << 10

	// maxFooterSize bounds an encoded footer: four varints of at most ten bytes,
	// with their tags.
	maxFooterSize = 64

	// maxWindow bounds what a zstd stream may make its reader hold. Encoders use
	// 8 MiB by default and 32 MiB at their most thorough.
	maxWindow = 32 << 20
)

// Kind says what a file holds.
type Kind uint8

// The kinds, numbered as on the wire.
const (
	Snapshot = Kind(datafilepb.Kind_KIND_SNAPSHOT) // the live records up to a revision
	Chunk    = Kind(datafilepb.Kind_KIND_CHUNK)    // all records of a run of revisions
)

func (k Kind) String() string {
	switch k {
	case Snapshot:
		return "snapshot"
	case Chunk:
		return "chunk"
	default:
		return fmt.Sprintf("kind %d", uint8(k))
	}
}

// Compression says how everything behind the header is stored.
type Compression uint8

// The compressions, numbered as on the wire. The zero value lets the writer choose.
const (
	None = Compression(datafilepb.Compression_COMPRESSION_NONE)
	Zstd = Compression(datafilepb.Compression_COMPRESSION_ZSTD)
)

func (c Compression) String() string {
	switch c {
	case None:
		return "none"
	case Zstd:
		return "zstd"
	default:
		return fmt.Sprintf("compression %d", uint8(c))
	}
}

// ChunkID is the random id (its raw bytes) by which a writer knows its own chunk
// again. It is empty in snapshots and in files of other writers.
type ChunkID string

func (id ChunkID) String() string { return hex.EncodeToString([]byte(id)) }

// Header begins every file. It is comparable, except for CreatedAt, which needs
// time.Time's Equal.
type Header struct {
	Kind         Kind
	Compression  Compression
	RecordsCount int64
	LeaderID     string    // node id of the Primary that wrote the file; "" for other writers
	CreatedAt    time.Time // by the writer's clock, for people only; zero = not set

	// Epoch is, in a chunk, that of the reign that uploaded it, never below its
	// records' own; in a snapshot, that of its last record.
	Epoch   record.Epoch
	ChunkID ChunkID

	// Purged is, in a snapshot, the revision up to which history is reduced to the state
	// at it: of the records at or below it only each key's newest is there, and no
	// tombstone; above it all are. It is below the snapshot's last revision. 0: nothing
	// is reduced.
	Purged record.Revision
}

// ReducedTo is up to where a snapshot that ends at last is reduced. Other writers don't say
// it: where there are fewer records than revisions, what is there can only be taken as the
// state at the end.
func (h *Header) ReducedTo(last record.Revision) record.Revision {
	if h.Purged == 0 && h.RecordsCount < int64(last) {
		return last - 1
	}
	return h.Purged
}

// Tombstone says whether the file is a header alone: the mark that keeps the slot
// of a reign's first chunk taken once a snapshot has its records.
func (h *Header) Tombstone() bool { return h.Kind == Chunk && h.RecordsCount == 0 }

// Footer ends every file but a tombstone.
type Footer struct {
	RecordsCRC  uint64 // over the concatenated record encodings without their crc fields
	First, Last record.Revision
}

var crcTable = crc64.MakeTable(crc64.ECMA)

func checksum(b []byte) uint64 { return crc64.Checksum(b, crcTable) }
