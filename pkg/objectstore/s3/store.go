// Package s3 is the object store of Amazon S3 and of what speaks its protocol with
// conditional writes: If-None-Match and If-Match on PutObject and, for bodies above 256
// MiB, on CompleteMultipartUpload; If-Match on DeleteObject. Directory buckets (S3 Express) don't qualify: they don't list in order.
//
// Writes are sent once. The SDK's retries would hide which attempt an answer is
// for; only with one attempt is it known whether a failed write may have happened.
// Reads are retried by the SDK.
package s3

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"

	"github.com/netsy-io/netsy/pkg/objectstore"
)

// Config says which bucket, and how to reach it.
type Config struct {
	Bucket string
	Prefix string

	// Region defaults to the environment's; with an Endpoint, to us-east-1.
	Region string
	// Endpoint is the URL of an S3-compatible server; empty for AWS.
	Endpoint string
	// PathStyle puts the bucket into the path instead of the host name.
	PathStyle bool

	// Class is the storage class of new objects; empty for the bucket's default.
	Class string
	// KMS encrypts with KMS: with the key KMSKeyID, or the account's own key for S3 if that
	// is empty. Without KMS the provider encrypts as the bucket says.
	KMS      bool
	KMSKeyID string

	// Credentials default to the SDK's chain: environment, profile, web identity, instance.
	Credentials aws.CredentialsProvider
	// Timeout bounds each attempt up to its answer, uploads get a second more for
	// each MiB. Default 15 s: several times what a healthy store needs.
	Timeout time.Duration
	// PartSize is the size of the parts in which larger bodies are sent, 5 MiB to 5 GiB.
	// Default 256 MiB. It bounds what a failed request costs.
	PartSize int64
}

// Store is an objectstore.Store in a bucket.
type Store struct {
	cfg    Config
	prefix string
	client *s3.Client
}

var _ objectstore.Store = (*Store)(nil)

const (
	defaultTimeout = 15 * time.Second
	readAttempts   = 3
	// maxConns bounds the connections to the store: reads at the start of a node are
	// parallel, everything else is a few requests at a time.
	maxConns = 64
	// idleConn is less than what S3 keeps an idle connection for: a write on one that
	// is just being closed has an unknown outcome.
	idleConn = 10 * time.Second
)

// Open makes a Store. It obtains credentials, so that there are any, but doesn't
// talk to the bucket: objectstore.Probe does.
func Open(ctx context.Context, cfg Config) (*Store, error) {
	prefix, err := validate(&cfg)
	if err != nil {
		return nil, &objectstore.Error{Kind: objectstore.ErrPermanent, Op: "open", Key: cfg.Bucket, Err: err}
	}
	ac, err := loadAWS(ctx, cfg)
	if err != nil {
		return nil, &objectstore.Error{Kind: objectstore.ErrPermanent, Op: "open", Key: cfg.Bucket, Err: err}
	}
	client := s3.NewFromConfig(ac, func(o *s3.Options) {
		o.UsePathStyle = cfg.PathStyle
		if cfg.Endpoint != "" {
			o.BaseEndpoint = &cfg.Endpoint
		}
		// Trailing checksums are refused by many compatible servers. Small bodies are
		// covered by their signature's SHA-256, data files carry their own checksums.
		o.RequestChecksumCalculation = aws.RequestChecksumCalculationWhenRequired
		o.ResponseChecksumValidation = aws.ResponseChecksumValidationWhenRequired
		o.DisableLogOutputChecksumValidationSkipped = true
	})
	return &Store{cfg: cfg, prefix: prefix, client: client}, nil
}

func loadAWS(ctx context.Context, cfg Config) (aws.Config, error) {
	options := []func(*config.LoadOptions) error{
		config.WithHTTPClient(httpClient()),
		config.WithRetryer(func() aws.Retryer {
			return retry.NewStandard(func(o *retry.StandardOptions) { o.MaxAttempts = readAttempts })
		}),
	}
	if cfg.Region != "" {
		options = append(options, config.WithRegion(cfg.Region))
	}
	if cfg.Credentials != nil {
		options = append(options, config.WithCredentialsProvider(cfg.Credentials))
	}
	ac, err := config.LoadDefaultConfig(ctx, options...)
	if err != nil {
		return ac, fmt.Errorf("loading the AWS configuration: %w", err)
	}
	if ac.Region == "" {
		if cfg.Endpoint == "" {
			return ac, errors.New("no region: set storage.region or AWS_REGION")
		}
		ac.Region = "us-east-1"
	}
	if _, err := ac.Credentials.Retrieve(ctx); err != nil {
		return ac, fmt.Errorf("no usable credentials (environment, profile, web identity or instance role): %w", err)
	}
	return ac, nil
}

func httpClient() *awshttp.BuildableClient {
	return awshttp.NewBuildableClient().WithTransportOptions(func(t *http.Transport) {
		t.MaxConnsPerHost = maxConns
		t.MaxIdleConnsPerHost = maxConns
		t.IdleConnTimeout = idleConn
	})
}

func validate(cfg *Config) (prefix string, err error) {
	if cfg.Timeout == 0 {
		cfg.Timeout = defaultTimeout
	}
	if cfg.PartSize == 0 {
		cfg.PartSize = defaultPartSize
	}
	switch {
	case cfg.PartSize < minPartSize, cfg.PartSize > maxPartSize:
		return "", fmt.Errorf("the part size %d is not between %d and %d", cfg.PartSize, int64(minPartSize), int64(maxPartSize))
	case cfg.Bucket == "":
		return "", errors.New("no bucket is given")
	case !cfg.KMS && cfg.KMSKeyID != "":
		return "", errors.New("a KMS key id is given, but encryption isn't kms")
	case cfg.Timeout < 0:
		return "", fmt.Errorf("the timeout %v is negative", cfg.Timeout)
	case types.StorageClass(cfg.Class) == types.StorageClassGlacier, types.StorageClass(cfg.Class) == types.StorageClassDeepArchive:
		return "", fmt.Errorf("storage class %s can't be read at once", cfg.Class)
	}
	return objectstore.CleanKeyPrefix(cfg.Prefix)
}

func (s *Store) String() string {
	if s.cfg.Endpoint != "" {
		return fmt.Sprintf("s3://%s/%s at %s", s.cfg.Bucket, s.prefix, s.cfg.Endpoint)
	}
	return fmt.Sprintf("s3://%s/%s", s.cfg.Bucket, s.prefix)
}

func (s *Store) key(key string) *string { return aws.String(s.prefix + key) }

// once is the option of requests that must not be retried.
func once(o *s3.Options) { o.Retryer = aws.NopRetryer{} }
