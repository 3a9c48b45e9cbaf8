package snapshot

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/klauspost/compress/s2"
	"google.golang.org/protobuf/encoding/protowire"

	"github.com/netsy-io/netsy/pkg/datafile"
	"github.com/netsy-io/netsy/pkg/record"
)

// diskSpool keeps records in a local file without a name, compressed lightly: it is written
// once and read once, by this process. The records' own checksums tell if it is damaged.
// The file is made with the first record.
type diskSpool struct {
	dir  string
	file *os.File
	out  *s2.Writer
	buf  []byte
	n    int64
	seen func(n int64) // told how far each is; may be nil
}

// spoolBlock is what is compressed, written and read at a time.
const spoolBlock = 1 << 20

func (s *diskSpool) add(r *record.Record) (err error) {
	if s.file == nil {
		if s.file, err = tempFile(s.dir, "netsy-merge-*"); err != nil {
			return err
		}
		s.out = s2.NewWriter(s.file, s2.WriterConcurrency(1), s2.WriterBlockSize(spoolBlock))
	}
	// The record goes behind room for its length, which is known after it.
	const room = 10
	s.buf = datafile.AppendRecord(append(s.buf[:0], make([]byte, room)...), r)
	size := uint64(len(s.buf) - room)
	from := room - protowire.SizeVarint(size)
	protowire.AppendVarint(s.buf[:from], size)
	if _, err := s.out.Write(s.buf[from:]); err != nil {
		return fmt.Errorf("snapshot: writing a temporary file: %w", err)
	}
	s.n++
	return nil
}

func (s *diskSpool) each(fn func(*record.Record) error) error {
	if s.file == nil {
		return nil
	}
	if err := s.rewind(); err != nil {
		return fmt.Errorf("snapshot: writing a temporary file: %w", err)
	}
	in := bufio.NewReaderSize(s2.NewReader(s.file), spoolBlock)
	var msg []byte
	for i := range s.n {
		if s.seen != nil && i%progressEvery == 0 {
			s.seen(i)
		}
		size, err := readUvarint(in)
		if err != nil {
			return fmt.Errorf("snapshot: reading a temporary file: %w", err)
		}
		if uint64(cap(msg)) < size {
			msg = make([]byte, size)
		}
		msg = msg[:size]
		if _, err := io.ReadFull(in, msg); err != nil {
			return fmt.Errorf("snapshot: reading a temporary file: %w", err)
		}
		r, err := datafile.DecodeRecord(msg)
		if err != nil {
			return fmt.Errorf("snapshot: reading a temporary file: %w", err)
		}
		if err := fn(&r); err != nil {
			return err
		}
	}
	return s.close()
}

func (s *diskSpool) rewind() error {
	if err := s.out.Close(); err != nil {
		return err
	}
	s.out = nil
	_, err := s.file.Seek(0, io.SeekStart)
	return err
}

func readUvarint(r io.ByteReader) (v uint64, err error) {
	for shift := 0; shift < 64; shift += 7 {
		c, err := r.ReadByte()
		if err != nil {
			return 0, err
		}
		v |= uint64(c&0x7f) << shift
		if c < 0x80 {
			if v > datafile.MaxRecordSize {
				break
			}
			return v, nil
		}
	}
	return 0, errors.New("a length that nobody wrote")
}

// close removes the file. It may be called more than once.
func (s *diskSpool) close() error {
	if s.file == nil {
		return nil
	}
	f := s.file
	s.file, s.out, s.buf = nil, nil, nil
	return f.Close()
}
