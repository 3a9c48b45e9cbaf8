package main

import (
	"context"
	"fmt"

	"github.com/netsy-io/netsy/pkg/devcluster"
	"github.com/netsy-io/netsy/pkg/objectstore"
	"github.com/netsy-io/netsy/pkg/objectstore/s3"
)

// storeIn has the cluster keep its objects on an S3 server, if one is named.
func storeIn(o *devcluster.Options, endpoint, bucket string) error {
	if endpoint == "" {
		return nil
	}
	st, err := s3.Open(context.Background(), s3.Config{Bucket: bucket, Endpoint: endpoint, PathStyle: true})
	if err != nil {
		return fmt.Errorf("open bucket %s at %s: %w", bucket, endpoint, err)
	}
	o.Wrap = func(objectstore.Store) objectstore.Store { return st }
	return nil
}
