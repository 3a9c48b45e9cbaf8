package mvcc

import (
	"errors"
	"fmt"
	"io"
	"os"
	"syscall"
)

// walRoom is how long SQLite's log is made in advance: 1,000 pages, after which it is moved
// into the file and used again from its beginning, and a large batch beyond them.
const walRoom = 32 + 1280*(24+4096)

// makeWALRoom lengthens the log at path with zeros. SQLite never shortens it, so from then on commits
// overwrite. The sync of a file that grows must write its new size and where its blocks are
// too: it takes up to twice as long. Zeros are the end of the log, or an empty one
// (https://www.sqlite.org/fileformat2.html#walformat): their salts don't match.
//
// Nobody may write to the log meanwhile. A disk without so much room is left as it was.
func makeWALRoom(path string) (err error) {
	f, err := os.OpenFile(path, os.O_WRONLY, 0)
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err == nil {
		var st os.FileInfo
		if st, err = f.Stat(); err == nil {
			err = lengthen(f, st.Size(), walRoom)
		}
		if closeErr := f.Close(); !isFull(closeErr) { // some file systems say it only now
			err = errors.Join(err, closeErr)
		}
	}
	if err != nil {
		return fmt.Errorf("%w: make room in SQLite's log: %w", ErrDisk, err)
	}
	return nil
}

// lengthen appends zeros to a file of from bytes until it has to; all of them or, if the disk is full, none.
func lengthen(f lengthened, from, to int64) error {
	if from >= to {
		return nil
	}
	_, err := f.WriteAt(make([]byte, to-from), from)
	if isFull(err) {
		return f.Truncate(from)
	}
	return err
}

func isFull(err error) bool { return errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT) }

type lengthened interface {
	io.WriterAt
	Truncate(size int64) error
}
