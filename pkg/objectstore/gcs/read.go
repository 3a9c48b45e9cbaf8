package gcs

import (
	"context"
	"errors"
	"io"
	"strings"
	"time"

	"cloud.google.com/go/storage"
	"google.golang.org/api/iterator"

	"github.com/netsy-io/netsy/pkg/objectstore"
	"github.com/netsy-io/netsy/pkg/objectstore/internal/attempt"
)

// Get opens the whole object.
func (s *Store) Get(ctx context.Context, key string) (*objectstore.Object, error) {
	if err := objectstore.CheckRead(ctx, "get", key); err != nil {
		return nil, err
	}
	return s.get(ctx, key, 0, -1)
}

// GetRange opens part of an object.
func (s *Store) GetRange(ctx context.Context, key string, offset, length int64) (*objectstore.Object, error) {
	if err := objectstore.CheckRange(ctx, key, offset); err != nil {
		return nil, err
	}
	if length == 0 {
		return s.empty(ctx, key)
	}
	o, err := s.get(ctx, key, offset, length)
	if errors.Is(err, errBeyondEnd) {
		return s.empty(ctx, key)
	}
	return o, err
}

// empty is the answer to a range without bytes, which HTTP can't ask for.
func (s *Store) empty(ctx context.Context, key string) (*objectstore.Object, error) {
	info, err := s.Stat(ctx, key)
	if err != nil {
		return nil, err
	}
	return &objectstore.Object{Info: info, Body: io.NopCloser(strings.NewReader(""))}, nil
}

func (s *Store) get(ctx context.Context, key string, offset, length int64) (*objectstore.Object, error) {
	a := attempt.Begin(ctx, s.readTimeout())
	r, err := s.forRead(key).NewRangeReader(a.Context(), offset, length)
	if err != nil {
		defer a.Close()
		return nil, s.missingOr(ctx, "get", key, s.failed(a, request{op: "get", key: key}, err))
	}
	s.seen.Store(true)
	info := objectstore.Info{Key: key, Size: r.Attrs.Size, Version: versionOf(r.Attrs.Generation), Modified: r.Attrs.LastModified}
	return &objectstore.Object{Info: info, Body: a.Body(key, r)}, nil
}

// readTimeout covers all attempts that the library makes for a read.
func (s *Store) readTimeout() time.Duration { return readAttempts * s.cfg.Timeout }

// Stat describes an object.
func (s *Store) Stat(ctx context.Context, key string) (objectstore.Info, error) {
	if err := objectstore.CheckRead(ctx, "stat", key); err != nil {
		return objectstore.Info{}, err
	}
	a := attempt.Begin(ctx, s.readTimeout())
	defer a.Close()
	attrs, err := s.forRead(key).Attrs(a.Context())
	if err != nil {
		return objectstore.Info{}, s.missingOr(ctx, "stat", key, s.failed(a, request{op: "stat", key: key}, err))
	}
	s.seen.Store(true)
	return s.infoOf(attrs), nil
}

func (s *Store) infoOf(attrs *storage.ObjectAttrs) objectstore.Info {
	return objectstore.Info{
		Key:      strings.TrimPrefix(attrs.Name, s.prefix),
		Size:     attrs.Size,
		Version:  versionOf(attrs.Generation),
		Modified: attrs.Updated,
	}
}

// missingOr makes sure that "not found", or a failed condition, is about the
// object: GCS answers a missing bucket in the same way.
func (s *Store) missingOr(ctx context.Context, op, key string, err error) error {
	if !errors.Is(err, objectstore.ErrNotFound) && !errors.Is(err, objectstore.ErrPreconditionFailed) {
		return err
	}
	if bucketErr := s.bucketExists(ctx, op, key); bucketErr != nil {
		return bucketErr
	}
	return err
}

// bucketExists asks once, by a listing: the permission for it is needed anyway.
func (s *Store) bucketExists(ctx context.Context, op, key string) error {
	if s.seen.Load() {
		return nil
	}
	a := attempt.Begin(ctx, s.readTimeout())
	defer a.Close()
	_, err := s.objects(a.Context(), "", "", 1).Next()
	if err != nil && !errors.Is(err, iterator.Done) {
		return s.failed(a, request{op: op, key: key, list: true}, err)
	}
	s.seen.Store(true)
	return nil
}

// objects iterates from startAfter on, that included.
func (s *Store) objects(ctx context.Context, prefix, startAfter string, page int) *storage.ObjectIterator {
	q := &storage.Query{Prefix: s.prefix + prefix, Projection: storage.ProjectionNoACL}
	if startAfter != "" {
		q.StartOffset = s.prefix + startAfter
	}
	b := s.bucket.Retryer(retryReads...)
	it := b.Objects(ctx, q)
	it.PageInfo().MaxSize = page
	return it
}

// List returns one page. Objects whose names aren't keys (a console's "folders")
// are passed over.
func (s *Store) List(ctx context.Context, prefix, startAfter string, limit int) (objectstore.Page, error) {
	limit, err := objectstore.CheckList(ctx, prefix, startAfter, limit)
	if err != nil {
		return objectstore.Page{}, err
	}
	// Two more than are returned, startAfter itself and one that makes More exact, so
	// that one request is enough.
	limit = min(limit, objectstore.MaxPage-2)
	a := attempt.Begin(ctx, s.readTimeout())
	defer a.Close()
	it := s.objects(a.Context(), prefix, startAfter, limit+2)
	var page objectstore.Page
	for {
		attrs, err := it.Next()
		if errors.Is(err, iterator.Done) {
			s.seen.Store(true)
			return page, nil
		}
		if err != nil {
			return objectstore.Page{}, s.failed(a, request{op: "list", key: prefix, list: true}, err)
		}
		o := s.infoOf(attrs)
		if o.Key <= startAfter || objectstore.ValidateKey(o.Key) != nil {
			continue
		}
		if len(page.Objects) == limit {
			page.More = true
			return page, nil
		}
		page.Objects = append(page.Objects, o)
	}
}
