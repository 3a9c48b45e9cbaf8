package s3

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"

	"github.com/netsy-io/netsy/pkg/objectstore"
	"github.com/netsy-io/netsy/pkg/objectstore/internal/attempt"
)

// Get opens the whole object.
func (s *Store) Get(ctx context.Context, key string) (*objectstore.Object, error) {
	if err := objectstore.CheckRead(ctx, "get", key); err != nil {
		return nil, err
	}
	return s.get(ctx, "get", key, "")
}

// GetRange opens part of an object.
func (s *Store) GetRange(ctx context.Context, key string, offset, length int64) (*objectstore.Object, error) {
	if err := objectstore.CheckRange(ctx, key, offset); err != nil {
		return nil, err
	}
	var rng string
	switch {
	case length == 0:
		return s.empty(ctx, key)
	case length < 0:
		rng = fmt.Sprintf("bytes=%d-", offset)
	default:
		rng = fmt.Sprintf("bytes=%d-%d", offset, offset+length-1)
	}
	o, err := s.get(ctx, "get", key, rng)
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

func (s *Store) get(ctx context.Context, op, key, rng string) (*objectstore.Object, error) {
	in := &s3.GetObjectInput{Bucket: &s.cfg.Bucket, Key: s.key(key)}
	if rng != "" {
		in.Range = &rng
	}
	a := attempt.Begin(ctx, s.readTimeout())
	out, err := s.client.GetObject(a.Context(), in)
	if err != nil {
		defer a.Close()
		return nil, s.failed(a, request{op: op, key: key}, err)
	}
	body := a.Body(key, out.Body)
	size := aws.ToInt64(out.ContentLength)
	if rng != "" && out.ContentRange != nil { // without one, the server sent the whole object
		if size, err = totalSize(*out.ContentRange); err != nil {
			return nil, errors.Join(objectstore.Errorf(objectstore.ErrPermanent, op, key, "%w", err), body.Close())
		}
	} else if rng != "" {
		return nil, errors.Join(objectstore.Errorf(objectstore.ErrPermanent, op, key, "the server ignores ranges"), body.Close())
	}
	info := objectstore.Info{Key: key, Size: size, Version: objectstore.Version(aws.ToString(out.ETag)), Modified: aws.ToTime(out.LastModified)}
	return &objectstore.Object{Info: info, Body: body}, nil
}

// readTimeout covers all attempts that the SDK makes for a read.
func (s *Store) readTimeout() time.Duration { return readAttempts * s.cfg.Timeout }

// totalSize reads the object's size from "bytes 0-9/100".
func totalSize(contentRange string) (int64, error) {
	_, total, _ := strings.Cut(contentRange, "/")
	n, err := strconv.ParseInt(total, 10, 64)
	if err != nil || n < 0 {
		return 0, fmt.Errorf("Content-Range %q names no size", contentRange)
	}
	return n, nil
}

// Stat describes an object. The answer to HEAD has no body that would say what
// is wrong, a missing object or a missing bucket: a second request tells.
func (s *Store) Stat(ctx context.Context, key string) (objectstore.Info, error) {
	if err := objectstore.CheckRead(ctx, "stat", key); err != nil {
		return objectstore.Info{}, err
	}
	a := attempt.Begin(ctx, s.readTimeout())
	defer a.Close()
	out, err := s.client.HeadObject(a.Context(), &s3.HeadObjectInput{Bucket: &s.cfg.Bucket, Key: s.key(key)})
	if err == nil {
		return objectstore.Info{Key: key, Size: aws.ToInt64(out.ContentLength), Version: objectstore.Version(aws.ToString(out.ETag)), Modified: aws.ToTime(out.LastModified)}, nil
	}
	err = s.failed(a, request{op: "stat", key: key}, err)
	if !errors.Is(err, objectstore.ErrNotFound) && !errors.Is(err, objectstore.ErrPermanent) {
		return objectstore.Info{}, err
	}
	o, err := s.get(ctx, "stat", key, "")
	if err != nil {
		return objectstore.Info{}, err
	}
	return o.Info, o.Body.Close() // it has just appeared
}

// List returns one page. Objects whose names aren't keys (a console's "folders")
// are passed over.
func (s *Store) List(ctx context.Context, prefix, startAfter string, limit int) (objectstore.Page, error) {
	limit, err := objectstore.CheckList(ctx, prefix, startAfter, limit)
	if err != nil {
		return objectstore.Page{}, err
	}
	in := &s3.ListObjectsV2Input{
		Bucket:  &s.cfg.Bucket,
		Prefix:  aws.String(s.prefix + prefix),
		MaxKeys: aws.Int32(int32(limit)),
	}
	if startAfter != "" {
		in.StartAfter = s.key(startAfter)
	}
	for {
		out, err := s.listOnce(ctx, prefix, in)
		if err != nil {
			return objectstore.Page{}, err
		}
		page := objectstore.Page{More: aws.ToBool(out.IsTruncated)}
		for _, o := range out.Contents {
			key := strings.TrimPrefix(aws.ToString(o.Key), s.prefix)
			if objectstore.ValidateKey(key) != nil {
				continue
			}
			page.Objects = append(page.Objects, objectstore.Info{Key: key, Size: aws.ToInt64(o.Size), Version: objectstore.Version(aws.ToString(o.ETag)), Modified: aws.ToTime(o.LastModified)})
		}
		if len(page.Objects) > 0 || !page.More {
			return page, nil
		}
		in.ContinuationToken = out.NextContinuationToken
	}
}

func (s *Store) listOnce(ctx context.Context, prefix string, in *s3.ListObjectsV2Input) (*s3.ListObjectsV2Output, error) {
	a := attempt.Begin(ctx, s.readTimeout())
	defer a.Close()
	out, err := s.client.ListObjectsV2(a.Context(), in)
	if err != nil {
		return nil, s.failed(a, request{op: "list", key: prefix}, err)
	}
	if len(out.Contents) == 0 && aws.ToBool(out.IsTruncated) && aws.ToString(out.NextContinuationToken) == "" {
		return nil, objectstore.Errorf(objectstore.ErrPermanent, "list", prefix, "an empty page says that there are more keys, but not how to go on")
	}
	return out, nil
}
