package gcs

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"hash/crc32"
	"io"

	"cloud.google.com/go/storage"

	"github.com/netsy-io/netsy/pkg/objectstore"
	"github.com/netsy-io/netsy/pkg/objectstore/internal/attempt"
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// Put writes an object in one request; GCS checks the body's CRC-32C.
func (s *Store) Put(ctx context.Context, key string, body []byte, cond objectstore.Condition) (objectstore.Version, error) {
	return s.put(ctx, key, bytes.NewReader(body), int64(len(body)), cond, func(w *storage.Writer) {
		w.CRC32C, w.SendCRC32C = crc32.Checksum(body, castagnoli), true
	})
}

// PutStream writes an object in one request that reads body once.
func (s *Store) PutStream(ctx context.Context, key string, body io.ReadSeeker, size int64, cond objectstore.Condition) (objectstore.Version, error) {
	if body == nil || size < 0 {
		return "", objectstore.Errorf(objectstore.ErrPermanent, "put", key, "no body, or its size %d is negative", size)
	}
	if err := attempt.CheckSize(body, size); err != nil {
		return "", objectstore.Errorf(objectstore.ErrPermanent, "put", key, "%w", err)
	}
	return s.put(ctx, key, body, size, cond, func(*storage.Writer) {})
}

func (s *Store) put(ctx context.Context, key string, body io.Reader, size int64, cond objectstore.Condition, prepare func(*storage.Writer)) (objectstore.Version, error) {
	if err := objectstore.CheckPut(ctx, key, cond); err != nil {
		return "", err
	}
	h, err := s.forWrite(key, cond)
	if err != nil {
		return "", &objectstore.Error{Kind: objectstore.ErrPreconditionFailed, Op: "put", Key: key, Err: err}
	}
	a := attempt.Begin(ctx, attempt.Timeout(s.cfg.Timeout, size))
	defer a.Close()
	w := h.NewWriter(a.Context())
	w.ChunkSize = 0 // one request; a resumable upload would be several
	w.StorageClass = s.cfg.Class
	w.KMSKeyName = s.cfg.KMSKeyName
	w.ContentType = "application/octet-stream"
	prepare(w)
	if err := upload(a, w, body, size); err != nil {
		return "", s.failed(a, request{op: "put", key: key, write: true, cond: cond}, err)
	}
	s.seen.Store(true)
	if w.Attrs() == nil || w.Attrs().Generation == 0 {
		return "", objectstore.Errorf(objectstore.ErrUnknownOutcome, "put", key, "the answer has no generation")
	}
	return versionOf(w.Attrs().Generation), nil
}

// upload sends the body. Closing the writer commits what it got, so before
// that a body that broke off must end the request.
func upload(a *attempt.Attempt, w *storage.Writer, body io.Reader, size int64) error {
	n, err := io.Copy(w, body)
	if err == nil && n != size {
		err = fmt.Errorf("the body had %d bytes, not %d", n, size)
	}
	if err != nil {
		a.Close()
		return errors.Join(err, w.Close())
	}
	return w.Close()
}

// Delete removes an object.
func (s *Store) Delete(ctx context.Context, key string, cond objectstore.Condition) error {
	if err := objectstore.CheckDelete(ctx, key, cond); err != nil {
		return err
	}
	h, err := s.forWrite(key, cond)
	if err != nil {
		return &objectstore.Error{Kind: objectstore.ErrPreconditionFailed, Op: "delete", Key: key, Err: err}
	}
	a := attempt.Begin(ctx, s.cfg.Timeout)
	defer a.Close()
	if err := h.Delete(a.Context()); err != nil {
		err = s.failed(a, request{op: "delete", key: key, write: true, cond: cond}, err)
		if errors.Is(err, objectstore.ErrNotFound) {
			return s.bucketExists(ctx, "delete", key) // Always, and the object is missing: fine, if the bucket isn't
		}
		if errors.Is(err, objectstore.ErrPreconditionFailed) {
			return s.missingOr(ctx, "delete", key, err)
		}
		return err
	}
	s.seen.Store(true)
	return nil
}
