package mvcc

import (
	"errors"
	"path/filepath"
	"testing"
)

func TestCheckFree(t *testing.T) {
	if err := checkFree(t.TempDir()); err != nil {
		t.Skipf("the temporary directory's own disk is full: %v", err)
	}
	if err := checkFree(filepath.Join(t.TempDir(), "missing")); !errors.Is(err, ErrDisk) {
		t.Errorf("no such directory: %v", err)
	}
	if err := checkFree("/proc"); !errors.Is(err, ErrDisk) { // a file system without any space
		t.Errorf("no space at all: %v", err)
	}
}
