package origin

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/netsy-io/netsy/pkg/objectstore"
)

// source reads one version of an object as a stream, and takes it up again where it
// broke off. It never ends early: an object that is cut short or replaced meanwhile is an
// error of the store (objectstore.ErrUnavailable), not of the file. It is not safe for
// concurrent use.
type source struct {
	ctx  context.Context
	st   objectstore.Store
	info objectstore.Info

	at     int64
	body   io.ReadCloser // nil: not open
	broken int           // times in a row that nothing came
	failed error         // what Read said last, if it was an error other than io.EOF
}

// maxBroken bounds how often a stream is taken up again without a byte in between. Who
// reads starts over after a while, too.
const (
	maxBroken   = 4
	brokenPause = 250 * time.Millisecond
)

func open(ctx context.Context, st objectstore.Store, info objectstore.Info) *source {
	return &source{ctx: ctx, st: st, info: info}
}

// Read implements io.Reader.
func (s *source) Read(p []byte) (int, error) {
	if s.at >= s.info.Size {
		return 0, io.EOF
	}
	for {
		n, err := s.read(p[:min(int64(len(p)), s.info.Size-s.at)])
		if n > 0 || len(p) == 0 {
			s.at += int64(n)
			s.broken = 0
			return n, nil
		}
		s.Close()
		if s.broken++; s.broken >= maxBroken || !objectstore.Retryable(err) {
			s.failed = err
			return 0, err
		}
		select {
		case <-s.ctx.Done():
			s.failed = context.Cause(s.ctx)
			return 0, s.failed
		case <-time.After(brokenPause):
		}
	}
}

// read returns the next bytes, or why none come.
func (s *source) read(p []byte) (int, error) {
	if s.body == nil {
		o, err := s.st.GetRange(s.ctx, s.info.Key, s.at, -1)
		if err != nil {
			return 0, err
		}
		if o.Version != s.info.Version || o.Size != s.info.Size {
			return 0, errors.Join(s.unavailable("it was replaced while it was read"), o.Body.Close())
		}
		s.body = o.Body
	}
	n, err := s.body.Read(p)
	if n == 0 {
		if err == nil {
			err = io.ErrNoProgress
		}
		return 0, s.unavailable("reading the body at byte %d of %d: %w", s.at, s.info.Size, err)
	}
	return n, nil // an error beside bytes comes again, or the object ends there
}

func (s *source) unavailable(format string, args ...any) error {
	return objectstore.Errorf(objectstore.ErrUnavailable, "get", s.info.Key, format, args...)
}

// Seek implements io.Seeker.
func (s *source) Seek(offset int64, whence int) (int64, error) {
	switch whence {
	case io.SeekCurrent:
		offset += s.at
	case io.SeekEnd:
		offset += s.info.Size
	}
	if offset < 0 {
		return 0, fmt.Errorf("origin: seeking to %d in %s", offset, s.info.Key)
	}
	if offset != s.at {
		s.Close()
		s.at = offset
	}
	return offset, nil
}

// Close gives up the stream; reading or seeking opens it again.
func (s *source) Close() {
	if s.body != nil {
		_ = s.body.Close() // nothing was written through it
		s.body = nil
	}
}
