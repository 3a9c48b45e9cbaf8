package snapshot

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"

	"github.com/netsy-io/netsy/pkg/datafile"
	"github.com/netsy-io/netsy/pkg/objectlog"
	"github.com/netsy-io/netsy/pkg/record"
)

// What is decoded ahead of the consumer: enough that neither side waits for each record,
// little against what is downloaded ahead. A batch ends with whichever comes first.
const (
	batchRecords = 1024
	batchBytes   = 1 << 20
	batchesAhead = 4
)

// Reader is the records of one snapshot, as a stream: downloaded in parallel ranges,
// decoded in another goroutine than the one that calls Next. It is not safe for
// concurrent use. Close it.
type Reader struct {
	key    string
	rev    record.Revision
	ctx    context.Context
	cancel context.CancelFunc
	wg     sync.WaitGroup
	ranges *ranges
	file   *datafile.Reader
	header datafile.Header

	batches chan batch
	batch   []record.Record
	count   int64
	last    record.Pos
	err     error // sticky; comes behind batch
}

// batch is records, and what came behind the last of them.
type batch struct {
	records []record.Record
	err     error
}

// Open begins to read the snapshot at rev; its header is verified. ctx is for all of the
// reading: the Reader's goroutines end when it does, when all is read, and by Close.
func (s *Store) Open(ctx context.Context, rev record.Revision) (*Reader, error) {
	r := &Reader{key: objectlog.SnapshotKey(rev), rev: rev, batches: make(chan batch, batchesAhead)}
	r.ctx, r.cancel = context.WithCancel(ctx)
	if err := r.begin(s); err != nil {
		return nil, errors.Join(err, r.Close())
	}
	r.wg.Go(r.decode)
	return r, nil
}

func (r *Reader) begin(s *Store) (err error) {
	if r.ranges, err = s.openRanges(r.ctx, &r.wg, r.key); err != nil {
		return err
	}
	if r.file, err = datafile.NewReader(r.ranges); err != nil {
		return r.explain(err)
	}
	r.header = r.file.Header()
	if err := checkKind(r.key, &r.header); err != nil {
		r.file.Close()
		return err
	}
	return nil
}

// Header is the snapshot's verified header.
func (r *Reader) Header() datafile.Header { return r.header }

// Next returns the next record, whose key and value are its own memory. io.EOF means that
// the whole snapshot was read, is sound, and ends with the revision that its key says:
// only then may one rely on what it left out.
func (r *Reader) Next() (record.Record, error) {
	for len(r.batch) == 0 {
		if r.err != nil {
			return record.Record{}, r.err
		}
		b, ok := <-r.batches
		if !ok {
			b.err = r.stopped()
		}
		r.batch, r.err = b.records, b.err
	}
	rec := r.batch[0]
	r.batch = r.batch[1:]
	r.count++
	return rec, nil
}

// stopped is why there are no batches any more although none said so.
func (r *Reader) stopped() error {
	return fmt.Errorf("snapshot: reading %q: %w", r.key, context.Cause(r.ctx))
}

// Progress says how far the reading is: bytes that were decoded, records that were
// returned. Phase is empty.
func (r *Reader) Progress() Progress {
	return Progress{Records: r.count, OfRecords: r.header.RecordsCount, Bytes: r.ranges.read.Load(), OfBytes: r.ranges.info.Size}
}

// Close ends the reading and waits for its goroutines. Next fails from now on. It may be
// called more than once.
func (r *Reader) Close() error {
	r.cancel()
	r.wg.Wait()
	if r.err == nil {
		r.err = fmt.Errorf("snapshot: reader of %q is closed", r.key)
	}
	r.batch = nil
	return nil
}

// decode decodes to the end, ahead of Next.
func (r *Reader) decode() {
	defer close(r.batches)
	defer r.file.Close()
	for {
		b := r.fill()
		r.ranges.store.metrics.readRecords.Add(float64(len(b.records)))
		select {
		case <-r.ctx.Done():
			return
		case r.batches <- b:
		}
		if b.err != nil {
			r.cancel()
			return
		}
	}
}

func (r *Reader) fill() (b batch) {
	for size := 0; len(b.records) < batchRecords && size < batchBytes; {
		rec, err := r.file.Next()
		if err != nil {
			b.err = r.ended(err)
			return b
		}
		b.records = append(b.records, rec)
		size += rec.Size()
		r.last = rec.Pos()
	}
	return b
}

// ended checks at the end that the snapshot is the one that its key says.
func (r *Reader) ended(err error) error {
	switch {
	case err != io.EOF:
		return r.explain(err)
	case r.last.Revision != r.rev:
		return &objectlog.ChainError{Kind: objectlog.ErrMisplaced, Key: r.key, Err: fmt.Errorf("its last revision is %d", r.last.Revision)}
	}
	return io.EOF
}

func (r *Reader) explain(err error) error { return fmt.Errorf("snapshot: %q: %w", r.key, err) }
