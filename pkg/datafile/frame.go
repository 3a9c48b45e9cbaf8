package datafile

import (
	"bufio"
	"errors"
	"io"

	"github.com/klauspost/compress/zstd"
)

// frameReader passes on exactly one zstd frame and then says io.EOF, without
// reading a byte further. The decoder alone would go on to whatever follows and
// silently skip some of it, so that trailing bytes would go unnoticed.
//
// It walks the frame's blocks (RFC 8878, section 3.1.1) without decoding them.
type frameReader struct {
	src  *bufio.Reader
	left int // bytes of the present part still to pass on

	state    frameState
	checksum bool  // 4 bytes follow the last block
	err      error // sticky
}

type frameState uint8

const (
	frameStart frameState = iota
	frameBlock            // the next thing is a block header
	frameTail             // the last block has been passed on
	frameEnd
)

const (
	blockHeaderSize   = 3
	frameChecksumSize = 4
	blockTypeRLE      = 1 // one byte stands for the whole block
)

func (f *frameReader) Read(p []byte) (int, error) {
	for f.left == 0 {
		if f.err == nil {
			f.err = f.advance()
		}
		if f.err != nil {
			return 0, f.err
		}
	}
	n, err := f.src.Read(p[:min(len(p), f.left)])
	f.left -= n
	if err == io.EOF {
		err = io.ErrUnexpectedEOF
	}
	if err != nil {
		f.err = err
	}
	return n, err
}

// advance looks at what comes next and sets left to its size.
func (f *frameReader) advance() error {
	switch f.state {
	case frameStart:
		return f.begin()
	case frameBlock:
		return f.block()
	case frameTail:
		f.state = frameEnd
		if f.checksum {
			f.left = frameChecksumSize
		}
		return nil
	default:
		return io.EOF
	}
}

func (f *frameReader) begin() error {
	b, err := f.src.Peek(zstd.HeaderMaxSize)
	if err != nil && err != io.EOF {
		return err
	}
	var h zstd.Header
	switch err := h.Decode(b); {
	case errors.Is(err, io.ErrUnexpectedEOF):
		return io.ErrUnexpectedEOF
	case err != nil:
		return corrupt(ErrZstd, "frame header: %w", err)
	case h.Skippable:
		return corrupt(ErrZstd, "a skippable frame")
	case h.DictionaryID != 0:
		return corrupt(ErrZstd, "needs dictionary %d", h.DictionaryID)
	case h.SingleSegment && h.FrameContentSize > maxWindow, h.WindowSize > maxWindow:
		return corrupt(ErrTooLarge, "zstd window of %d bytes, at most %d are accepted", max(h.FrameContentSize, h.WindowSize), maxWindow)
	}
	f.state, f.left, f.checksum = frameBlock, h.HeaderSize, h.HasCheckSum
	return nil
}

func (f *frameReader) block() error {
	b, err := f.src.Peek(blockHeaderSize)
	if err == io.EOF {
		return io.ErrUnexpectedEOF
	}
	if err != nil {
		return err
	}
	v := int(b[0]) | int(b[1])<<8 | int(b[2])<<16
	last, kind, size := v&1 == 1, v>>1&3, v>>3
	if kind == blockTypeRLE {
		size = 1
	}
	f.left = blockHeaderSize + size
	if last {
		f.state = frameTail
	}
	return nil
}
