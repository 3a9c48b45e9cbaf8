package mvcc

import (
	"fmt"

	"golang.org/x/sys/unix"
)

// minFree is the space that a disk which was full must have again: a batch has at
// most 4 MiB, and goes to the WAL before it goes to the file. With less, the next
// large batch would fail as the last one did.
const minFree = 8 << 20

// checkFree returns an ErrDisk if the data directory has less than minFree left for
// unprivileged users.
func checkFree(dir string) error {
	var st unix.Statfs_t
	if err := unix.Statfs(dir, &st); err != nil {
		return fmt.Errorf("%w: looking at the free space of %s: %w", ErrDisk, dir, err)
	}
	if free := st.Bavail * uint64(st.Bsize); free < minFree {
		return fmt.Errorf("%w: %s has %d bytes free, at least %d are needed; make room", ErrDisk, dir, free, minFree)
	}
	return nil
}
