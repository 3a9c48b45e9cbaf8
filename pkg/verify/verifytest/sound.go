// Package verifytest lets any test that ends with a bucket end with a sound one.
package verifytest

import (
	"context"
	"testing"
	"time"

	"github.com/netsy-io/netsy/pkg/objectstore"
	"github.com/netsy-io/netsy/pkg/objectstore/file"
	"github.com/netsy-io/netsy/pkg/verify"
)

// patience bounds reading a test's bucket; it takes milliseconds.
const patience = time.Minute

// Faults returns what is wrong with the bucket: errors and warnings, or why it couldn't be
// read. Nothing should be writing to it any more.
func Faults(st objectstore.Store) (faults []string) {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	r, err := verify.Run(ctx, verify.Options{Store: st})
	if err != nil {
		return []string{"verifying the bucket: " + err.Error()}
	}
	for _, f := range r.Findings {
		if f.Severity != verify.Note {
			faults = append(faults, "the bucket is not sound: "+f.String())
		}
	}
	return faults
}

// Sound fails the test if the bucket isn't sound.
func Sound(t testing.TB, st objectstore.Store) {
	t.Helper()
	for _, f := range Faults(st) {
		t.Error(f)
	}
}

// SoundDir is Sound for the directory of a file store.
func SoundDir(t testing.TB, dir string) {
	t.Helper()
	st, err := file.Open(context.Background(), file.Config{Dir: dir})
	if err != nil {
		t.Error(err)
		return
	}
	Sound(t, st)
}
