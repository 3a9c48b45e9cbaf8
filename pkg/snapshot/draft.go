package snapshot

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/netsy-io/netsy/pkg/datafile"
	"github.com/netsy-io/netsy/pkg/record"
)

// Draft is a snapshot in a local temporary file, not yet in a bucket. The file has no
// name: it is gone when the process is. It is not safe for concurrent use. Close it.
//
// What follows the header is written as the records come; the header, which counts them,
// is made at the end and put in front when the draft is read.
type Draft struct {
	file *os.File
	buf  *bufio.Writer
	body *datafile.BodyWriter

	head     []byte // nil: not finished
	header   datafile.Header
	footer   datafile.Footer
	info     Info
	finished bool
}

// draftBuffer saves system calls.
const draftBuffer = 1 << 20

// NewDraft begins a draft in dir ("" = os.TempDir()), which needs room for all of it.
func NewDraft(dir string) (*Draft, error) {
	f, err := tempFile(dir, "netsy-snapshot-*")
	if err != nil {
		return nil, err
	}
	buf := bufio.NewWriterSize(f, draftBuffer)
	return &Draft{file: f, buf: buf, body: datafile.NewBodyWriter(buf)}, nil
}

// tempFile makes a file without a name.
func tempFile(dir, pattern string) (*os.File, error) {
	f, err := os.CreateTemp(dir, pattern)
	if err != nil {
		return nil, fmt.Errorf("snapshot: making a temporary file: %w", err)
	}
	if err := os.Remove(f.Name()); err != nil {
		return nil, errors.Join(fmt.Errorf("snapshot: removing a temporary file's name: %w", err), f.Close())
	}
	return f, nil
}

// Write appends the next record, which it doesn't keep. It refuses (datafile.ErrUsage) what
// no reader would accept.
func (d *Draft) Write(r *record.Record) error { return d.body.Write(r) }

// Finish ends the draft. Of h, LeaderID, CreatedAt and Purged are used: history is reduced
// to the state at Purged, which is what the records written must be (0: it is whole). The
// rest of the header follows from the records.
func (d *Draft) Finish(h datafile.Header) (Info, error) {
	if d.finished {
		return Info{}, errors.New("snapshot: the draft is finished already")
	}
	d.finished = true
	head, full, footer, err := d.body.Close(h)
	if err != nil {
		return Info{}, fmt.Errorf("snapshot: finishing a draft: %w", err)
	}
	if err := d.buf.Flush(); err != nil {
		return Info{}, fmt.Errorf("snapshot: finishing a draft: %w", err)
	}
	size, err := d.file.Seek(0, io.SeekCurrent)
	if err != nil {
		return Info{}, fmt.Errorf("snapshot: finishing a draft: %w", err)
	}
	d.head, d.header, d.footer = head, full, footer
	d.info = infoOf(&full, footer.Last, int64(len(head))+size)
	return d.info, nil
}

// Info says what a finished draft is.
func (d *Draft) Info() Info { return d.info }

// WriteTo writes the finished snapshot.
func (d *Draft) WriteTo(w io.Writer) (int64, error) {
	body, err := d.reader()
	if err != nil {
		return 0, err
	}
	n, err := io.Copy(w, body)
	if err == nil && n != d.info.Size {
		err = fmt.Errorf("snapshot: the draft has %d bytes, %d were read", d.info.Size, n)
	}
	return n, err
}

// reader reads the finished snapshot from its beginning.
func (d *Draft) reader() (*io.SectionReader, error) {
	if d.head == nil {
		return nil, errors.New("snapshot: the draft is not finished")
	}
	return io.NewSectionReader(headed{d.head, d.file}, 0, d.info.Size), nil
}

// Close removes the draft.
func (d *Draft) Close() error {
	d.head, d.finished = nil, true
	return d.file.Close()
}

// headed is a header with a body behind it.
type headed struct {
	head []byte
	body io.ReaderAt
}

func (h headed) ReadAt(p []byte, off int64) (n int, err error) {
	if off < int64(len(h.head)) {
		n = copy(p, h.head[off:])
		off += int64(n)
	}
	if n == len(p) {
		return n, nil
	}
	m, err := h.body.ReadAt(p[n:], off-int64(len(h.head)))
	return n + m, err
}
