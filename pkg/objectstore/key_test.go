package objectstore_test

import (
	"strings"
	"testing"

	"github.com/netsy-io/netsy/pkg/objectstore"
)

func TestCleanKeyPrefix(t *testing.T) {
	for in, want := range map[string]string{"": "", "/": "", "a": "a/", "a/": "a/", "a/b": "a/b/", "a/b/": "a/b/"} {
		if got, err := objectstore.CleanKeyPrefix(in); err != nil || got != want {
			t.Errorf("%q: %q, %v, expected %q", in, got, err, want)
		}
	}
	for _, in := range []string{"/a", "a//", "a//b", "..", "a/../b", "a b", "//"} {
		if got, err := objectstore.CleanKeyPrefix(in); err == nil {
			t.Errorf("%q was accepted as %q", in, got)
		}
	}
}

// FuzzValidateKey: what is accepted stays inside of a directory, on any system.
func FuzzValidateKey(f *testing.F) {
	for _, s := range []string{"", "a", "a/b", "..", "../a", "a/..", "/a", "a//b", "a\x00", "~lock", strings.Repeat("a", 513)} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, key string) {
		if objectstore.ValidateKey(key) != nil {
			return
		}
		if key == "" || len(key) > objectstore.MaxKeyLen || strings.ContainsAny(key, "\\~\x00: ") || strings.HasPrefix(key, "/") || strings.HasSuffix(key, "/") {
			t.Fatalf("accepted %q", key)
		}
		for _, s := range strings.Split(key, "/") {
			if s == "" || s == "." || s == ".." {
				t.Fatalf("accepted %q", key)
			}
		}
	})
}
