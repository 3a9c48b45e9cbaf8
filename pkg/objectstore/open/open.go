// Package open makes the configured object store.
package open

import (
	"context"
	"fmt"
	"time"

	"github.com/netsy-io/netsy/pkg/objectstore"
	"github.com/netsy-io/netsy/pkg/objectstore/file"
	"github.com/netsy-io/netsy/pkg/objectstore/gcs"
	"github.com/netsy-io/netsy/pkg/objectstore/s3"
)

// Providers and encryptions that Config knows.
const (
	ProviderS3   = "s3"
	ProviderGCS  = "gcs"
	ProviderFile = "file"

	EncryptionProviderManaged = "provider-managed"
	EncryptionKMS             = "kms"
)

// Config says where the objects are. Credentials are never part of it: they come
// from the environment, in each provider's own way.
type Config struct {
	Provider string // s3, gcs, file
	Bucket   string // for file: the directory
	Prefix   string // before every key; a trailing slash may be left out

	Class      string // storage class of new objects; empty: the bucket's default
	Encryption string // provider-managed (also when empty), or kms
	KMSKeyID   string // s3: id, ARN or alias, empty for the account's own key; gcs: the key's resource name, needed with kms

	Region    string        // s3: empty for the environment's
	Endpoint  string        // URL of a compatible server or an emulator
	PathStyle bool          // s3: the bucket in the path instead of the host name
	Timeout   time.Duration // of each request up to its answer; 0 for the default
}

// Open makes the store that cfg describes. It doesn't prove that the store can be
// used: objectstore.Probe does, and belongs after every Open.
func Open(ctx context.Context, cfg Config) (objectstore.Store, error) {
	if err := cfg.validate(); err != nil {
		return nil, &objectstore.Error{Kind: objectstore.ErrPermanent, Op: "open", Key: cfg.Bucket, Err: err}
	}
	switch cfg.Provider {
	case ProviderS3:
		return orNil(s3.Open(ctx, s3.Config{
			Bucket: cfg.Bucket, Prefix: cfg.Prefix, Region: cfg.Region, Endpoint: cfg.Endpoint, PathStyle: cfg.PathStyle,
			Class: cfg.Class, KMS: cfg.Encryption == EncryptionKMS, KMSKeyID: cfg.KMSKeyID, Timeout: cfg.Timeout,
		}))
	case ProviderGCS:
		return orNil(gcs.Open(ctx, gcs.Config{
			Bucket: cfg.Bucket, Prefix: cfg.Prefix, Endpoint: cfg.Endpoint,
			Class: cfg.Class, KMSKeyName: cfg.KMSKeyID, Timeout: cfg.Timeout,
		}))
	default:
		return orNil(file.Open(ctx, file.Config{Dir: cfg.Bucket, Prefix: cfg.Prefix}))
	}
}

// orNil keeps a nil *Store from becoming an interface that isn't nil.
func orNil[S objectstore.Store](s S, err error) (objectstore.Store, error) {
	if err != nil {
		return nil, err
	}
	return s, nil
}

// validate refuses what one provider would silently ignore.
func (cfg Config) validate() error {
	switch cfg.Provider {
	case ProviderS3, ProviderGCS, ProviderFile:
	default:
		return fmt.Errorf("provider %q is none of s3, gcs, file", cfg.Provider)
	}
	switch cfg.Encryption {
	case "", EncryptionProviderManaged:
		if cfg.KMSKeyID != "" {
			return fmt.Errorf("kms_key_id is given, but encryption is %q, not kms", cfg.Encryption)
		}
	case EncryptionKMS:
		if cfg.Provider == ProviderFile {
			return fmt.Errorf("the file provider does not encrypt")
		}
		if cfg.Provider == ProviderGCS && cfg.KMSKeyID == "" {
			return fmt.Errorf("encryption is kms, but no kms_key_id is given")
		}
	default:
		return fmt.Errorf("encryption %q is none of provider-managed, kms", cfg.Encryption)
	}
	if cfg.Provider != ProviderS3 && (cfg.Region != "" || cfg.PathStyle) {
		return fmt.Errorf("region and path style are for s3, not for %s", cfg.Provider)
	}
	return nil
}
