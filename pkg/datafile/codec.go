package datafile

import (
	"fmt"
	"io"

	"github.com/klauspost/compress/zstd"
)

// chunkEncoder compresses whole chunks. EncodeAll is safe for concurrent use, one call at
// a time: a process writes one chunk at a time.
var chunkEncoder = newChunkEncoder()

// chunkWindow is how far back a chunk's encoder looks. Twice as much is kept for as long as
// the process lives. The fastest level remembers 32768 places, and has overwritten
// most of them before so much is through: chunks of 1 MiB are as small as with a larger window.
const chunkWindow = 512 << 10

// newChunkEncoder makes what the encoder otherwise makes at its first use, channels
// among it: a synctest bubble must not own those of the whole process.
func newChunkEncoder() *zstd.Encoder {
	e := must(zstd.NewWriter(nil, zstd.WithEncoderLevel(zstd.SpeedFastest), zstd.WithEncoderConcurrency(1),
		zstd.WithWindowSize(chunkWindow)))
	e.EncodeAll([]byte{0}, nil)
	return e
}

// newStreamEncoder makes an encoder for a snapshot: written once, read by every start.
// Concurrency 1 means that it runs in its caller's goroutine and needs no stopping.
func newStreamEncoder(w io.Writer) *zstd.Encoder {
	return must(zstd.NewWriter(w, zstd.WithEncoderLevel(zstd.SpeedDefault), zstd.WithEncoderConcurrency(1)))
}

// idleDecoders bounds the decoders that are kept: each holds tables and windows, up to
// some 16 MiB, that cost far more to make than a small chunk costs to decode.
const idleDecoders = 4

// decoders are those that nobody uses. All were made with the package, not in a test's
// synctest bubble, to which their channels would belong. They run in their caller's
// goroutine.
var decoders = func() chan *zstd.Decoder {
	idle := make(chan *zstd.Decoder, idleDecoders)
	for range idleDecoders {
		idle <- newDecoder()
	}
	return idle
}()

func newDecoder() *zstd.Decoder {
	return must(zstd.NewReader(nil, zstd.WithDecoderConcurrency(1), zstd.WithDecoderLowmem(true), zstd.WithDecoderMaxWindow(maxWindow)))
}

// takeDecoder returns an idle decoder, to be put back; or, if none is, one for this use alone.
func takeDecoder() (d *zstd.Decoder, putBack bool) {
	select {
	case d = <-decoders:
		return d, true
	default:
		return newDecoder(), false
	}
}

// must is for constructors that fail on invalid options alone, which are constants here.
func must[T any](v T, err error) T {
	if err != nil {
		panic(fmt.Sprintf("datafile: zstd options: %v", err))
	}
	return v
}
