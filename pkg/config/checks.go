package config

import (
	"errors"
	"fmt"
	"net/url"
	"regexp"
	"strings"

	"github.com/netsy-io/netsy/pkg/identity"
	"github.com/netsy-io/netsy/pkg/objectstore"
)

func clusterName() codec[string] {
	return text(fmt.Sprintf("lowercase letters, digits, single hyphens, at most %d", identity.MaxNameLen), identity.ValidateName)
}

func notEmpty(s string) error {
	if s == "" {
		return errors.New("must not be empty")
	}
	return nil
}

func noSpace(s string) error {
	if strings.ContainsAny(s, " \t\r\n") {
		return fmt.Errorf("must not contain spaces (got %q)", s)
	}
	return nil
}

func keyPrefix(s string) error {
	if strings.HasPrefix(s, "/") {
		return fmt.Errorf("must not begin with a slash (got %q)", s)
	}
	if _, err := objectstore.CleanKeyPrefix(s); err != nil {
		return fmt.Errorf("can't be used in object keys: %w", err)
	}
	return nil
}

var classForm = regexp.MustCompile(`^[A-Z0-9_]*$`)

// storageClass refuses classes whose objects must be restored before a read;
// others are the provider's to know, S3-compatible servers have their own.
func storageClass(s string) error {
	switch {
	case s == "GLACIER" || s == "DEEP_ARCHIVE":
		return fmt.Errorf("must be a class whose objects can be read at once (%s objects must be restored first)", s)
	case !classForm.MatchString(s):
		return fmt.Errorf("must be capital letters, digits and underscores, such as STANDARD (got %q)", s)
	}
	return nil
}

func endpoint(s string) error {
	if s == "" {
		return nil
	}
	u, err := url.Parse(s)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Hostname() == "" {
		return fmt.Errorf("must be a URL such as https://s3.example.com (got %q)", s)
	}
	if u.User != nil || u.RawQuery != "" || u.Fragment != "" {
		return fmt.Errorf("must have no user, query or fragment (got %q)", u.Redacted())
	}
	return nil
}

var regionForm = regexp.MustCompile(`^[a-zA-Z0-9-]*$`)

func region(s string) error {
	if !regionForm.MatchString(s) {
		return fmt.Errorf("must be letters, digits and hyphens (got %q)", s)
	}
	return nil
}
