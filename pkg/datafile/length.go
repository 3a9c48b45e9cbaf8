package datafile

import (
	"errors"
	"io"

	"google.golang.org/protobuf/encoding/protowire"
)

// parseLength reads a length prefix at the beginning of b. It is strict: shortest
// form, not zero, since no message of these files is empty.
func parseLength(b []byte) (size uint64, n int, err error) {
	size, n = protowire.ConsumeVarint(b)
	switch {
	case n < 0 && errors.Is(protowire.ParseError(n), io.ErrUnexpectedEOF):
		return 0, 0, corrupt(ErrTruncated, "in a length prefix")
	case n < 0:
		return 0, 0, corrupt(ErrLength, "%w", protowire.ParseError(n))
	case n != protowire.SizeVarint(size):
		return 0, 0, corrupt(ErrLength, "%d takes %d bytes", size, n)
	case size == 0:
		return 0, 0, corrupt(ErrLength, "an empty message")
	}
	return size, n, nil
}

// readLength reads a length prefix from a stream. io.EOF means that there was not one
// byte; whether the stream may end here is the caller's to say.
func readLength(r io.ByteReader) (uint64, error) {
	var buf [10]byte
	for i := range buf {
		c, err := r.ReadByte()
		switch {
		case err == io.EOF && i > 0:
			return 0, corrupt(ErrTruncated, "in a length prefix")
		case err != nil:
			return 0, err
		}
		buf[i] = c
		if c < 0x80 {
			size, _, err := parseLength(buf[:i+1])
			return size, err
		}
	}
	return 0, corrupt(ErrLength, "longer than ten bytes")
}
