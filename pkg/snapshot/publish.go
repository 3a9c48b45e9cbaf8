package snapshot

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/netsy-io/netsy/pkg/datafile"
	"github.com/netsy-io/netsy/pkg/objectstore"
	"github.com/netsy-io/netsy/pkg/objectstore/retry"
	"github.com/netsy-io/netsy/pkg/record"
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
	if err := s.upload(ctx, d, &uploading{SectionReader: body, progress: progress}); err != nil {
		return false, err
	}
	info, found, err := s.verify(ctx, d.info.Last.Revision, progress)
	if err != nil {
		return false, fmt.Errorf("snapshot: verifying %q after it was written: %w", d.info.Key, err)
	}
	if created, err = judgePublished(d.info.Last, sum{d.header, d.footer}, found); err != nil {
		return false, fmt.Errorf("snapshot: %q: %w", d.info.Key, err)
	}
	if created {
		s.metrics.writtenBytes.Add(float64(info.Size))
		s.metrics.writtenRecords.Add(float64(info.Records))
	}
	return created, nil
}

// upload returns without an error once an object is under the draft's key: ours, or one
// that was there before. Sending the same bytes again is harmless: only the first lands.
func (s *Store) upload(ctx context.Context, d *Draft, body *uploading) error {
	var doubt error // of an earlier attempt, which may still land
	for n := 1; ; n++ {
		_, err := s.store.PutStream(ctx, d.info.Key, body, d.info.Size, objectstore.IfAbsent())
		if err == nil || errors.Is(err, objectstore.ErrPreconditionFailed) {
			return nil
		}
		if errors.Is(err, objectstore.ErrUnknownOutcome) {
			doubt = err
			there, statErr := s.isThere(ctx, d.info.Key)
			if there {
				return nil
			}
			err = errors.Join(err, statErr)
		}
		if n == retry.Attempts || ctx.Err() != nil || errors.Is(err, objectstore.ErrPermanent) {
			return uploadFailed(d.info.Key, err, doubt)
		}
		s.metrics.retries.WithLabelValues("put").Inc()
		s.logger.Warn("a snapshot could not be written, trying again", "event", "snapshot_retry", "op", "put", "attempt", n, "error", err)
		if cause := retry.Pause(ctx, n); cause != nil {
			return uploadFailed(d.info.Key, errors.Join(cause, err), doubt)
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
// or may stand for it. It is pure. last is the position of the last record sent. Contents are
// compared by their checksums; the headers' times keep apart what two writers made alike.
func judgePublished(last record.Pos, sent, found sum) (ours bool, err error) {
	switch {
	case sameHeader(&sent.header, &found.header) && sent.footer == found.footer:
		return true, nil
	case sent.footer.Last != found.footer.Last, sent.header.Epoch != found.header.Epoch:
		return false, fmt.Errorf("%w: it ends at %v, ours at %v; one of the two was made from another bucket's log, or the log was replaced",
			ErrConflict, record.Pos{Epoch: found.header.Epoch, Revision: found.footer.Last}, last)
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
