package bucket

import (
	"errors"

	"github.com/netsy-io/netsy/pkg/datafile"
	"github.com/netsy-io/netsy/pkg/objectlog"
	"github.com/netsy-io/netsy/pkg/objectstore"
)

// Damaged says whether an object is there, and isn't what it should be.
func Damaged(err error) bool {
	return errors.Is(err, datafile.ErrCorrupt) || errors.Is(err, datafile.ErrUnsupported) || errors.Is(err, objectlog.ErrMisplaced)
}

// Gone says whether an object isn't there.
func Gone(err error) bool { return errors.Is(err, objectstore.ErrNotFound) }
