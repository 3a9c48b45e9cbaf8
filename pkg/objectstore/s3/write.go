package s3

import (
	"bytes"
	"context"
	"errors"
	"io"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"

	"github.com/netsy-io/netsy/pkg/objectstore"
	"github.com/netsy-io/netsy/pkg/objectstore/internal/attempt"
)

// Put writes an object in one request.
func (s *Store) Put(ctx context.Context, key string, body []byte, cond objectstore.Condition) (objectstore.Version, error) {
	return s.put(ctx, key, bytes.NewReader(body), int64(len(body)), cond)
}

// PutStream writes an object in one request that reads body once: it isn't hashed
// for the signature. A body larger than Config.PartSize is sent in parts.
func (s *Store) PutStream(ctx context.Context, key string, body io.ReadSeeker, size int64, cond objectstore.Condition) (objectstore.Version, error) {
	switch {
	case body == nil, size < 0:
		return "", objectstore.Errorf(objectstore.ErrPermanent, "put", key, "no body, or its size %d is negative", size)
	case size > maxObject:
		return "", objectstore.Errorf(objectstore.ErrPermanent, "put", key, "%d bytes are more than the %d that an object may have", size, int64(maxObject))
	}
	if err := attempt.CheckSize(body, size); err != nil {
		return "", objectstore.Errorf(objectstore.ErrPermanent, "put", key, "%w", err)
	}
	if size > s.cfg.PartSize {
		return s.putParts(ctx, key, body, size, cond)
	}
	return s.put(ctx, key, body, size, cond, s3.WithAPIOptions(v4.SwapComputePayloadSHA256ForUnsignedPayloadMiddleware))
}

func (s *Store) put(ctx context.Context, key string, body io.Reader, size int64, cond objectstore.Condition, opts ...func(*s3.Options)) (objectstore.Version, error) {
	if err := objectstore.CheckPut(ctx, key, cond); err != nil {
		return "", err
	}
	a := attempt.Begin(ctx, attempt.Timeout(s.cfg.Timeout, size))
	defer a.Close()
	out, err := s.client.PutObject(a.Context(), s.putInput(key, body, size, cond), append(opts, once)...)
	if err != nil {
		return "", s.failed(a, request{op: "put", key: key, write: true, cond: cond}, err)
	}
	if aws.ToString(out.ETag) == "" {
		return "", &objectstore.Error{Kind: objectstore.ErrUnknownOutcome, Op: "put", Key: key, Err: errors.New("the answer has no ETag")}
	}
	return objectstore.Version(*out.ETag), nil
}

func (s *Store) putInput(key string, body io.Reader, size int64, cond objectstore.Condition) *s3.PutObjectInput {
	in := &s3.PutObjectInput{
		Bucket:        &s.cfg.Bucket,
		Key:           s.key(key),
		Body:          body,
		ContentLength: &size,
		StorageClass:  types.StorageClass(s.cfg.Class),
	}
	if s.cfg.KMS {
		in.ServerSideEncryption = types.ServerSideEncryptionAwsKms
		if s.cfg.KMSKeyID != "" {
			in.SSEKMSKeyId = &s.cfg.KMSKeyID
		}
	}
	if cond.IsAbsent() {
		in.IfNoneMatch = aws.String("*")
	}
	if v, ok := cond.Match(); ok {
		in.IfMatch = aws.String(string(v))
	}
	return in
}

// Delete removes an object. S3 calls a conditional deletion of a missing object a
// success, so this looks first; of two deletions of one version that race, both may
// still be told that they succeeded.
func (s *Store) Delete(ctx context.Context, key string, cond objectstore.Condition) error {
	if err := objectstore.CheckDelete(ctx, key, cond); err != nil {
		return err
	}
	in := &s3.DeleteObjectInput{Bucket: &s.cfg.Bucket, Key: s.key(key)}
	if v, ok := cond.Match(); ok {
		in.IfMatch = aws.String(string(v))
		if err := s.mustExist(ctx, key); err != nil {
			return err
		}
	}
	a := attempt.Begin(ctx, s.cfg.Timeout)
	defer a.Close()
	_, err := s.client.DeleteObject(a.Context(), in, once)
	if err == nil {
		return nil
	}
	err = s.failed(a, request{op: "delete", key: key, write: true, cond: cond}, err)
	if errors.Is(err, objectstore.ErrNotFound) {
		return nil // Always: some servers say so where S3 says 204
	}
	return err
}

// mustExist is the part of a deletion's condition that S3 doesn't check.
func (s *Store) mustExist(ctx context.Context, key string) error {
	_, err := s.Stat(ctx, key)
	var typed *objectstore.Error
	if errors.As(err, &typed) {
		kind := typed.Kind
		if kind == objectstore.ErrNotFound {
			kind = objectstore.ErrPreconditionFailed
		}
		return &objectstore.Error{Kind: kind, Op: "delete", Key: key, Err: typed.Err}
	}
	return err
}
