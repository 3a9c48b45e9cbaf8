// Package objectlog is the chain of chunks in object storage: the system of record,
// and the one place where a race between Primaries is decided. DESIGN.md has the
// reasons; the rules are in slot.go, end.go and chain.go.
package objectlog

import (
	"time"

	"github.com/hashicorp/go-hclog"

	"github.com/netsy-io/netsy/pkg/datafile"
	"github.com/netsy-io/netsy/pkg/objectstore"
	"github.com/netsy-io/netsy/pkg/record"
)

// Log reads the chain and makes its writers. It holds no state of its own and is safe
// for concurrent use.
type Log struct {
	store     objectstore.Store
	logger    hclog.Logger
	metrics   *Metrics
	readAhead int64
	newID     func() datafile.ChunkID
}

// Options of a Log. The zero value works.
type Options struct {
	Logger  hclog.Logger // nil = none
	Metrics *Metrics     // nil = not registered

	// ReadAhead bounds the bytes of chunks that Read holds beyond the one it is
	// passing on; 0 = 32 MiB, eight full chunks.
	ReadAhead int64
}

const (
	defaultReadAhead = 32 << 20
	// maxChunkObject bounds the object of one chunk: nothing compresses to more than
	// its own size and a little.
	maxChunkObject = datafile.MaxChunkSize + datafile.MaxChunkSize/128 + datafile.MaxHeaderSize
)

// New makes a Log over store.
func New(store objectstore.Store, o Options) *Log {
	l := &Log{store: store, logger: o.Logger, metrics: o.Metrics, readAhead: o.ReadAhead, newID: randomID}
	if l.logger == nil {
		l.logger = hclog.NewNullLogger()
	}
	if l.metrics == nil {
		l.metrics = NewMetrics(nil)
	}
	if l.readAhead <= 0 {
		l.readAhead = defaultReadAhead
	}
	return l
}

// Chunk is one chunk of the chain, verified.
type Chunk struct {
	Header  datafile.Header
	Info    ChunkInfo
	Records []record.Record
}

// ChunkInfo says what and whose a chunk is.
type ChunkInfo struct {
	Key       string
	First     record.Revision
	Last      record.Pos   // of its last record
	Epoch     record.Epoch // the header's: of the reign that uploaded it
	LeaderID  string
	ID        datafile.ChunkID
	Records   int
	Size      int64 // bytes of the object
	CreatedAt time.Time
}

// End is where the chain ends.
type End struct {
	// Last is the position of the chain's last record; zero for an empty chain.
	Last record.Pos
	// HeaderEpoch is the highest header epoch that was seen.
	HeaderEpoch record.Epoch
	// Chunk is the chain's last chunk; zero if the chain is empty, or if it ends in a
	// snapshot whose chunks are gone.
	Chunk ChunkInfo
}
