package gcs

import (
	"fmt"
	"strconv"

	"github.com/netsy-io/netsy/pkg/objectstore"
)

// versionOf makes a version of a generation: GCS gives each write of a name a new one.
func versionOf(generation int64) objectstore.Version {
	return objectstore.Version(strconv.FormatInt(generation, 10))
}

// parseVersion fails for what no object of this store can have as its version.
func parseVersion(v objectstore.Version) (int64, error) {
	g, err := strconv.ParseInt(string(v), 10, 64)
	if err != nil {
		return 0, fmt.Errorf("version %q is no generation: %w", v, err)
	}
	if g <= 0 {
		return 0, fmt.Errorf("version %q is no generation", v)
	}
	return g, nil
}
