package objectlog

import (
	"context"
	"fmt"
	"io"

	"github.com/netsy-io/netsy/pkg/datafile"
	"github.com/netsy-io/netsy/pkg/objectstore"
)

// ReadHeader reads the header of the data file under key with one small range read.
func ReadHeader(ctx context.Context, s objectstore.Store, key string) (datafile.Header, error) {
	o, err := s.GetRange(ctx, key, 0, datafile.MaxHeaderSize)
	if err != nil {
		return datafile.Header{}, err
	}
	defer o.Body.Close()
	b, err := io.ReadAll(io.LimitReader(o.Body, datafile.MaxHeaderSize))
	if err == nil && int64(len(b)) < min(o.Size, datafile.MaxHeaderSize) {
		err = io.ErrUnexpectedEOF
	}
	if err != nil {
		return datafile.Header{}, objectstore.Errorf(objectstore.ErrUnavailable, "get", key, "reading the header: %w", err)
	}
	h, err := datafile.DecodeHeader(b)
	if err != nil {
		return datafile.Header{}, fmt.Errorf("objectlog: %q: %w", key, err)
	}
	return h, nil
}
