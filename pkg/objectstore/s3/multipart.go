package s3

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"

	"github.com/netsy-io/netsy/pkg/objectstore"
	"github.com/netsy-io/netsy/pkg/objectstore/internal/attempt"
)

const (
	// defaultPartSize is the size above which a body is sent in parts: a failed request
	// costs no more than this, and with maxParts it allows for objects of 2.4 TiB; larger
	// ones get larger parts.
	defaultPartSize = 256 << 20
	// minPartSize, maxPartSize and maxParts are S3's.
	minPartSize = 5 << 20
	maxPartSize = 5 << 30
	maxParts    = 10_000
	// maxObject is the largest object that S3 holds.
	maxObject = 5 << 40
)

// upload is one upload in parts. Nothing is visible under its key before it is completed,
// and completing it takes the same conditions as a put in one request.
type upload struct {
	store *Store
	key   string
	id    *string
	cond  objectstore.Condition
	parts []types.CompletedPart
}

func (s *Store) putParts(ctx context.Context, key string, body io.ReadSeeker, size int64, cond objectstore.Condition) (objectstore.Version, error) {
	if err := objectstore.CheckPut(ctx, key, cond); err != nil {
		return "", err
	}
	u := &upload{store: s, key: key, cond: cond}
	if err := u.begin(ctx); err != nil {
		return "", err
	}
	version, err := u.run(ctx, body, size)
	if err != nil {
		err = u.abort(ctx, err)
	}
	return version, err
}

func (u *upload) run(ctx context.Context, body io.ReadSeeker, size int64) (objectstore.Version, error) {
	part := max(u.store.cfg.PartSize, (size+maxParts-1)/maxParts)
	for off := int64(0); off < size; off += part {
		if err := u.part(ctx, &window{body: body, from: off, size: min(part, size-off)}); err != nil {
			return "", err
		}
	}
	return u.complete(ctx, size)
}

// invisible are the requests that write, but nothing that anybody sees: they can be sent
// again, and an answer that is missing leaves nothing in doubt.
func (u *upload) invisible() request { return request{op: "put", key: u.key} }

func (u *upload) begin(ctx context.Context) error {
	put := u.store.putInput(u.key, nil, 0, objectstore.Always())
	a := attempt.Begin(ctx, u.store.readTimeout())
	defer a.Close()
	out, err := u.store.client.CreateMultipartUpload(a.Context(), &s3.CreateMultipartUploadInput{
		Bucket: put.Bucket, Key: put.Key, StorageClass: put.StorageClass, ServerSideEncryption: put.ServerSideEncryption, SSEKMSKeyId: put.SSEKMSKeyId,
	})
	if err != nil {
		return u.store.failed(a, u.invisible(), err)
	}
	u.id = out.UploadId
	return nil
}

func (u *upload) part(ctx context.Context, body *window) error {
	n := int32(len(u.parts) + 1)
	a := attempt.Begin(ctx, readAttempts*attempt.Timeout(u.store.cfg.Timeout, body.size))
	defer a.Close()
	out, err := u.store.client.UploadPart(a.Context(), &s3.UploadPartInput{
		Bucket: &u.store.cfg.Bucket, Key: u.store.key(u.key), UploadId: u.id, PartNumber: &n, Body: body, ContentLength: &body.size,
	}, s3.WithAPIOptions(v4.SwapComputePayloadSHA256ForUnsignedPayloadMiddleware))
	if err != nil {
		return u.store.failed(a, u.invisible(), err)
	}
	u.parts = append(u.parts, types.CompletedPart{PartNumber: &n, ETag: out.ETag})
	return nil
}

// complete is the write. It is sent once. A server may take its time to put large
// objects together.
func (u *upload) complete(ctx context.Context, size int64) (objectstore.Version, error) {
	in := &s3.CompleteMultipartUploadInput{
		Bucket: &u.store.cfg.Bucket, Key: u.store.key(u.key), UploadId: u.id, MultipartUpload: &types.CompletedMultipartUpload{Parts: u.parts},
	}
	if u.cond.IsAbsent() {
		in.IfNoneMatch = aws.String("*")
	}
	if v, ok := u.cond.Match(); ok {
		in.IfMatch = aws.String(string(v))
	}
	a := attempt.Begin(ctx, attempt.Timeout(u.store.cfg.Timeout, size))
	defer a.Close()
	out, err := u.store.client.CompleteMultipartUpload(a.Context(), in, once)
	if err != nil {
		return "", u.store.failed(a, request{op: "put", key: u.key, write: true, cond: u.cond}, err)
	}
	if aws.ToString(out.ETag) == "" {
		return "", &objectstore.Error{Kind: objectstore.ErrUnknownOutcome, Op: "put", Key: u.key, Err: errors.New("the answer has no ETag")}
	}
	return objectstore.Version(*out.ETag), nil
}

// abort frees the parts of an upload that failed with err, also when ctx has ended. Where
// that fails too, err says so: the parts cost storage until a rule of the bucket removes them.
func (u *upload) abort(ctx context.Context, err error) error {
	a := attempt.Begin(context.WithoutCancel(ctx), u.store.readTimeout())
	defer a.Close()
	_, abortErr := u.store.client.AbortMultipartUpload(a.Context(), &s3.AbortMultipartUploadInput{Bucket: &u.store.cfg.Bucket, Key: u.store.key(u.key), UploadId: u.id})
	var gone *types.NoSuchUpload
	var typed *objectstore.Error
	if abortErr == nil || errors.As(abortErr, &gone) || !errors.As(err, &typed) {
		return err
	}
	if ans, ok := answerOf(abortErr); ok && ans.code == "NoSuchUpload" {
		return err
	}
	// Not wrapped: an error is of one kind.
	return &objectstore.Error{Kind: typed.Kind, Op: typed.Op, Key: typed.Key, Err: fmt.Errorf("%w (its parts could not be removed either: %v)", typed.Err, abortErr)}
}

// window is a part of a body.
type window struct {
	body       io.ReadSeeker
	from, size int64
	at         int64
	placed     bool // body is at from+at
}

func (w *window) Read(p []byte) (int, error) {
	if w.at >= w.size {
		return 0, io.EOF
	}
	if !w.placed {
		if _, err := w.body.Seek(w.from+w.at, io.SeekStart); err != nil {
			return 0, err
		}
		w.placed = true
	}
	n, err := w.body.Read(p[:min(int64(len(p)), w.size-w.at)])
	w.at += int64(n)
	if err == io.EOF && w.at < w.size {
		err = io.ErrUnexpectedEOF
	}
	return n, err
}

func (w *window) Seek(offset int64, whence int) (int64, error) {
	switch whence {
	case io.SeekCurrent:
		offset += w.at
	case io.SeekEnd:
		offset += w.size
	}
	if offset < 0 {
		return 0, errors.New("s3: seeking before the beginning of a part")
	}
	w.placed = w.placed && offset == w.at
	w.at = offset
	return offset, nil
}
