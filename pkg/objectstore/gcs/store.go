// Package gcs is the object store of Google Cloud Storage: generations as versions,
// generation preconditions, Application Default Credentials.
//
// Writes are sent once, so that it is known which attempt an answer is for;
// reads are retried by the library.
package gcs

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"sync/atomic"
	"time"

	"cloud.google.com/go/storage"
	"google.golang.org/api/googleapi"
	"google.golang.org/api/option"

	"github.com/netsy-io/netsy/pkg/objectstore"
)

// Config says which bucket, and how to reach it.
type Config struct {
	Bucket string
	Prefix string

	// Endpoint is a URL other than Google's. Over plain http (an emulator) no
	// credentials are sent.
	Endpoint string

	// Class is the storage class of new objects; empty for the bucket's default.
	Class string
	// KMSKeyName (projects/…/cryptoKeys/…) encrypts with that key; empty: as the bucket says.
	KMSKeyName string

	// Timeout bounds each attempt up to its answer; uploads get a second more for
	// each MiB. Default 15 s: several times what a healthy store needs.
	Timeout time.Duration
}

// Store is an objectstore.Store in a bucket.
type Store struct {
	cfg    Config
	prefix string
	bucket *storage.BucketHandle
	// seen: the bucket has answered, so that "not found" is about the object.
	seen atomic.Bool
}

var _ objectstore.Store = (*Store)(nil)

const (
	defaultTimeout = 15 * time.Second
	readAttempts   = 3
)

// Open makes a Store. It fails without credentials, but doesn't talk to the bucket:
// objectstore.Probe does.
func Open(ctx context.Context, cfg Config) (*Store, error) {
	prefix, options, err := validate(&cfg)
	if err != nil {
		return nil, &objectstore.Error{Kind: objectstore.ErrPermanent, Op: "open", Key: cfg.Bucket, Err: err}
	}
	// The client lives as long as the process: its background work isn't ctx's.
	client, err := storage.NewClient(context.WithoutCancel(ctx), options...)
	if err != nil {
		return nil, objectstore.Errorf(objectstore.ErrPermanent, "open", cfg.Bucket, "no usable Google credentials (Application Default Credentials): %w", err)
	}
	return &Store{cfg: cfg, prefix: prefix, bucket: client.Bucket(cfg.Bucket)}, nil
}

func validate(cfg *Config) (prefix string, options []option.ClientOption, err error) {
	if cfg.Timeout == 0 {
		cfg.Timeout = defaultTimeout
	}
	options = []option.ClientOption{
		storage.WithJSONReads(), // one API, one way to report errors
		option.WithScopes(storage.ScopeReadWrite),
	}
	switch {
	case cfg.Bucket == "":
		return "", nil, errors.New("no bucket is given")
	case cfg.Timeout < 0:
		return "", nil, fmt.Errorf("the timeout %v is negative", cfg.Timeout)
	case cfg.Endpoint != "":
		u, err := url.Parse(cfg.Endpoint)
		if err != nil {
			return "", nil, fmt.Errorf("endpoint: %w", err)
		}
		if u.Host == "" {
			return "", nil, fmt.Errorf("endpoint %q is not a URL with a host", cfg.Endpoint)
		}
		if strings.Trim(u.Path, "/") == "" {
			u.Path = "/storage/v1/"
		}
		options = append(options, option.WithEndpoint(u.String()))
		if u.Scheme == "http" {
			options = append(options, option.WithoutAuthentication())
		}
	}
	prefix, err = objectstore.CleanKeyPrefix(cfg.Prefix)
	return prefix, options, err
}

func (s *Store) String() string {
	if s.cfg.Endpoint != "" {
		return fmt.Sprintf("gs://%s/%s at %s", s.cfg.Bucket, s.prefix, s.cfg.Endpoint)
	}
	return fmt.Sprintf("gs://%s/%s", s.cfg.Bucket, s.prefix)
}

// forRead is the handle of an object whose requests the library retries.
func (s *Store) forRead(key string) *storage.ObjectHandle {
	return s.bucket.Object(s.prefix + key).Retryer(retryReads...)
}

// retryReads lets the library repeat reads, but not those that no repetition can help.
var retryReads = []storage.RetryOption{
	storage.WithPolicy(storage.RetryIdempotent), storage.WithMaxAttempts(readAttempts),
	storage.WithErrorFunc(func(err error) bool {
		var ae *googleapi.Error
		return storage.ShouldRetry(err) && !(errors.As(err, &ae) && ae.Code == http.StatusNotImplemented)
	}),
}

// forWrite is the handle of an object for one conditional request.
func (s *Store) forWrite(key string, cond objectstore.Condition) (*storage.ObjectHandle, error) {
	h := s.bucket.Object(s.prefix+key).Retryer(storage.WithPolicy(storage.RetryNever), storage.WithMaxAttempts(1))
	if cond.IsAbsent() {
		return h.If(storage.Conditions{DoesNotExist: true}), nil
	}
	v, match := cond.Match()
	if !match {
		return h, nil
	}
	generation, err := parseVersion(v)
	if err != nil {
		return nil, err
	}
	return h.If(storage.Conditions{GenerationMatch: generation}), nil
}
