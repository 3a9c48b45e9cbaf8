package identity

import "fmt"

// MaxNameLen bounds cluster and node ids: they are parts of host names, file
// names, object keys and metric labels, the tightest of which allow 63 bytes
// for two of them and a separator.
const MaxNameLen = 32

// ValidateName checks a cluster_id, a node_id or another identity's name:
// lowercase letters, digits and single hyphens between them, at most MaxNameLen.
// The error says what is wrong but not of what: callers name the field.
func ValidateName(s string) error {
	if s == "" {
		return fmt.Errorf("must not be empty")
	}
	if len(s) > MaxNameLen {
		return fmt.Errorf("must have at most %d characters (got %d)", MaxNameLen, len(s))
	}
	for i := range len(s) {
		if err := validateNameByte(s, i); err != nil {
			return err
		}
	}
	return nil
}

func validateNameByte(s string, i int) error {
	switch c := s[i]; {
	case c >= 'a' && c <= 'z', c >= '0' && c <= '9':
		return nil
	case c != '-':
		return fmt.Errorf("must be lowercase letters, digits and single hyphens (got %q)", s)
	case i == 0 || i == len(s)-1:
		return fmt.Errorf("must not begin or end with a hyphen (got %q)", s)
	case s[i-1] == '-':
		return fmt.Errorf("must not have two hyphens in a row (got %q)", s)
	}
	return nil
}
