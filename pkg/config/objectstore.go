package config

import "github.com/netsy-io/netsy/pkg/objectstore/open"

// Open returns what open.Open needs to reach the cluster's object storage.
func (s Storage) Open() open.Config {
	return open.Config{
		Provider: s.Provider, Bucket: s.BucketName, Prefix: s.KeyPrefix,
		Class: s.Class, Encryption: s.Encryption, KMSKeyID: s.KMSKeyID,
		Region: s.Region, Endpoint: s.Endpoint, PathStyle: s.PathStyle,
	}
}
