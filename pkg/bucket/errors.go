package bucket

import (
	"errors"

	"github.com/netsy-io/netsy/pkg/objectstore"
)

// Gone says whether an object isn't there.
func Gone(err error) bool { return errors.Is(err, objectstore.ErrNotFound) }
