package objectstore

import (
	"errors"
	"fmt"
	"strings"
)

// MaxKeyLen bounds a key, and a key prefix, so that both together stay within
// the 1,024 bytes that S3 and GCS allow for a name.
const MaxKeyLen = 512

// ValidateKey says whether key is one that every store can hold: see Store.
func ValidateKey(key string) error {
	switch {
	case key == "":
		return errors.New("key is empty")
	case len(key) > MaxKeyLen:
		return fmt.Errorf("key has %d bytes, at most %d are allowed", len(key), MaxKeyLen)
	}
	if err := validateChars(key); err != nil {
		return err
	}
	for segment := range strings.SplitSeq(key, "/") {
		if segment == "" || segment == "." || segment == ".." {
			return fmt.Errorf("key has the segment %q", segment)
		}
	}
	return nil
}

// ValidateListPrefix says whether prefix can begin a key (or is empty).
func ValidateListPrefix(prefix string) error {
	if len(prefix) > MaxKeyLen {
		return fmt.Errorf("prefix has %d bytes, at most %d are allowed", len(prefix), MaxKeyLen)
	}
	return validateChars(prefix)
}

// CleanKeyPrefix turns a configured key prefix ("", "prod", "prod/") into the form
// that stores put before their keys: empty, or ending in one slash.
func CleanKeyPrefix(prefix string) (string, error) {
	prefix = strings.TrimSuffix(prefix, "/")
	if prefix == "" {
		return "", nil
	}
	if err := ValidateKey(prefix); err != nil {
		return "", fmt.Errorf("key prefix %q: %w", prefix, err)
	}
	return prefix + "/", nil
}

func validateChars(s string) error {
	for i := range len(s) {
		c := s[i]
		switch {
		case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9':
		case c == '.', c == '_', c == '-', c == '/':
		default:
			return fmt.Errorf("%q at byte %d is not one of a-z A-Z 0-9 . _ - /", c, i)
		}
	}
	return nil
}
