package file

import (
	"fmt"
	"io/fs"
	"math/rand/v2"
	"strconv"
	"time"

	"github.com/netsy-io/netsy/pkg/objectstore"
)

// generation is the version of an object: the modification time of its file in
// nanoseconds since 1970, which the store sets itself before the file gets its name.
//
// It is kept with the file by every crash that keeps the file, needs no extended
// attributes, and leaves the file's bytes to the object. Overwriting always makes
// it larger, whatever the clock does, so no version comes back under one name. Only
// after a deletion is it left to the clock, with 16 random bits against two
// writers in one instant.
type generation int64

// spread is the range of the random part, about 65 microseconds.
const spread = 1 << 16

func newGeneration(now time.Time) generation {
	return generation(now.UnixNano()&^(spread-1) | rand.Int64N(spread))
}

// after makes a generation larger than g and as near to it as the random part lets it be.
func (g generation) after() generation { return g + 1 + generation(rand.Int64N(spread)) }

func (g generation) time() time.Time { return time.Unix(0, int64(g)) }

func (g generation) version() objectstore.Version {
	return objectstore.Version(strconv.FormatInt(int64(g), 10))
}

func generationOf(fi fs.FileInfo) generation { return generation(fi.ModTime().UnixNano()) }

// checkStored fails where a file system rounds modification times: two writes
// could get one version there.
func (g generation) checkStored(fi fs.FileInfo) error {
	if got := generationOf(fi); got != g {
		return fmt.Errorf("%w: it keeps modification times rounded (set %d ns, found %d ns); put the directory on another file system, such as ext4, xfs, btrfs, zfs or APFS",
			errUnsuitable, g, got)
	}
	return nil
}
