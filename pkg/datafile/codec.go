package datafile

import (
	"fmt"
	"io"
	"sync"

	"github.com/klauspost/compress/zstd"
)

// chunkEncoder compresses whole chunks. EncodeAll is safe for concurrent use; two at
// a time are enough for one writer and a command beside it.
var chunkEncoder = sync.OnceValue(func() *zstd.Encoder {
	return must(zstd.NewWriter(nil, zstd.WithEncoderLevel(zstd.SpeedFastest), zstd.WithEncoderConcurrency(2)))
})

// newStreamEncoder makes an encoder for a snapshot: written once, read by every start.
// Concurrency 1 means that it runs in its caller's goroutine and needs no stopping.
func newStreamEncoder(w io.Writer) *zstd.Encoder {
	return must(zstd.NewWriter(w, zstd.WithEncoderLevel(zstd.SpeedDefault), zstd.WithEncoderConcurrency(1)))
}

// decoders are reused: each holds tables and windows that cost far more to make than
// a small chunk costs to decode. They too run in their caller's goroutine.
var decoders = sync.Pool{New: func() any {
	return must(zstd.NewReader(nil, zstd.WithDecoderConcurrency(1), zstd.WithDecoderLowmem(true), zstd.WithDecoderMaxWindow(maxWindow)))
}}

// must is for constructors that fail on invalid options alone, which are constants here.
func must[T any](v T, err error) T {
	if err != nil {
		panic(fmt.Sprintf("datafile: zstd options: %v", err))
	}
	return v
}
