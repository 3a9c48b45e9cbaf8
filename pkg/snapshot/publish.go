package snapshot

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/netsy-io/netsy/pkg/datafile"
	"github.com/netsy-io/netsy/pkg/logevent"
	"github.com/netsy-io/netsy/pkg/objectlog"
	"github.com/netsy-io/netsy/pkg/objectstore"
	"github.com/netsy-io/netsy/pkg/objectstore/retry"
)

// Publish puts the finished draft under its key, unless a snapshot is there already, and
// reads back and verifies all of what is there then. created says whether it is ours. It
// is called again after any error: that does no harm.
//
// One that is there already is accepted if it is sound and its last record has the
// draft's position: then both are of one history, though they may be reduced to different
// revisions. Else ErrConflict. progress may be nil; it may be called from another
// goroutine, by one at a time.
func (s *Store) Publish(ctx context.Context, d *Draft, progress func(Progress)) (created bool, err error) {
	began := time.Now()
	defer func() { s.metrics.took("publish", began, err) }()
	body, err := d.reader()
	if err != nil {
		return false, err
	}
	if err := s.checkEnd(ctx, d.info); err != nil {
		return false, err
	}
	won, err := s.upload(ctx, d, &uploading{SectionReader: body, progress: progress})
	if err != nil {
		return false, err
	}
	info, found, err := s.verify(ctx, d.info.Last.Revision, progress)
	if err != nil {
		return false, fmt.Errorf("snapshot: verifying %q after it was written: %w", d.info.Key, err)
	}
	if created, err = judgePublished(won, sum{d.header, d.footer}, found); err != nil {
		return false, fmt.Errorf("snapshot: %q: %w", d.info.Key, err)
	}
	if created {
		s.metrics.writtenBytes.Add(float64(info.Size))
		s.metrics.writtenRecords.Add(float64(info.Records))
	}
	return created, nil
}

// checkEnd refuses a snapshot that ends within a chunk. Merge makes one when it is told
// to end there, for another bucket.
func (s *Store) checkEnd(ctx context.Context, info Info) error {
	split, err := objectlog.New(s.store, objectlog.Options{Logger: s.logger}).Splits(ctx, info.Last.Revision)
	if err == nil && split {
		err = ErrSplitsChunk
	}
	if err != nil {
		return fmt.Errorf("snapshot: publishing %q: %w", info.Key, err)
	}
	return nil
}

// upload returns without an error once an object is under the draft's key: ours if won, else
// ours or one that was there before. Sending the same bytes again is harmless: only the first lands.
func (s *Store) upload(ctx context.Context, d *Draft, body *uploading) (won bool, err error) {
	var doubt error // of an earlier attempt, which may still land
	for n := 1; ; n++ {
		_, err := s.store.PutStream(ctx, d.info.Key, body, d.info.Size, objectstore.IfAbsent())
		if err == nil || errors.Is(err, objectstore.ErrPreconditionFailed) {
			return err == nil, nil
		}
		if errors.Is(err, objectstore.ErrUnknownOutcome) {
			doubt = err
			there, statErr := s.isThere(ctx, d.info.Key)
			if there {
				return false, nil
			}
			err = errors.Join(err, statErr)
		}
		if n == retry.Attempts || ctx.Err() != nil || errors.Is(err, objectstore.ErrPermanent) {
			return false, uploadFailed(d.info.Key, err, doubt)
		}
		s.metrics.retries.WithLabelValues("put").Inc()
		s.logger.Warn("a snapshot could not be written, trying again", "event", logevent.SnapshotRetry, "op", "put", "attempt", n, "error", err)
		if cause := retry.Pause(ctx, n); cause != nil {
			return false, uploadFailed(d.info.Key, errors.Join(cause, err), doubt)
		}
	}
}

func (s *Store) isThere(ctx context.Context, key string) (bool, error) {
	err := s.retry(ctx, "stat", func() error {
		_, err := s.store.Stat(ctx, key)
		return err
	})
	if errors.Is(err, objectstore.ErrNotFound) {
		return false, nil
	}
	return err == nil, err
}

func uploadFailed(key string, err, doubt error) error {
	if doubt != nil {
		return fmt.Errorf("snapshot: %q: %w; publishing it again is harmless: %w", key, ErrOutcomeUnknown, errors.Join(err, doubt))
	}
	return fmt.Errorf("snapshot: writing %q: %w", key, err)
}

// judgePublished says whether what was found, sound, under the key of what was sent is it,
// or may stand for it. It is pure. won: the store said that it took what was sent, and
// nothing else can be there. Contents are compared by their checksums; two writers' headers
// differ in their times.
func judgePublished(won bool, sent, found sum) (ours bool, err error) {
	switch {
	case sameHeader(&sent.header, &found.header) && sent.footer == found.footer:
		return true, nil
	case won:
		return false, fmt.Errorf("%w: sent %v, found %v", ErrUnverified, sent, found)
	case sent.footer.Last != found.footer.Last, sent.header.Epoch != found.header.Epoch:
		return false, fmt.Errorf("%w: it ends at %v, ours at %v: one of the two was made from another log", ErrConflict, found.last(), sent.last())
	}
	return false, nil
}

func sameHeader(a, b *datafile.Header) bool {
	x, y := *a, *b
	x.CreatedAt, y.CreatedAt = time.Time{}, time.Time{}
	return x == y && a.CreatedAt.Equal(b.CreatedAt)
}

// uploading reports how much of a body was sent.
type uploading struct {
	*io.SectionReader
	sent     int64
	reported int64
	progress func(Progress)
}

// uploadStep is how many bytes go by between two reports.
const uploadStep = 4 << 20

func (u *uploading) Read(p []byte) (int, error) {
	n, err := u.SectionReader.Read(p)
	u.sent += int64(n)
	if u.sent >= u.reported+uploadStep || err == io.EOF {
		u.reported = u.sent
		report(u.progress, Progress{Phase: PhaseUpload, Bytes: u.sent, OfBytes: u.Size()})
	}
	return n, err
}

func (u *uploading) Seek(offset int64, whence int) (int64, error) {
	n, err := u.SectionReader.Seek(offset, whence)
	u.sent, u.reported = n, n
	return n, err
}
