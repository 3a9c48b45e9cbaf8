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
	st, err := openS3(endpoint, bucket)
	if err != nil {
		return err
	}
	o.Wrap = func(objectstore.Store) objectstore.Store { return st }
	return nil
}

func openS3(endpoint, bucket string) (objectstore.Store, error) {
	st, err := s3.Open(context.Background(), s3.Config{Bucket: bucket, Endpoint: endpoint, PathStyle: true})
	if err != nil {
		return nil, fmt.Errorf("open bucket %s at %s: %w", bucket, endpoint, err)
	}
	return st, nil
}
