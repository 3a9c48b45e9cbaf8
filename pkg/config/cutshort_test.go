package config

import (
	"errors"
	"testing"
)

// TestCutShort: a file that is being written may be whole the next time, whatever of it is
// there already; one that is whole and wrong stays wrong.
func TestCutShort(t *testing.T) {
	lasting := func(s string) bool {
		_, err := Parse("c.jsonc", []byte(s))
		var ps Problems
		return errors.As(err, &ps) && ps.Lasting()
	}
	for _, whole := range []string{minimal, design, Sample(), "/* cluster */\n// of test\n" + minimal} {
		for n := range whole {
			if lasting(whole[:n]) {
				t.Errorf("lasting, if cut after %q", whole[max(0, n-30):n])
			}
		}
	}
	for _, wrong := range []string{`{}`, `{"a": tru}`, `{"a": tru }`, minimal + `}`, minimal + `x`, `{"a" 1}`, `{a}`, `{"a": 1 x}`, `]`} {
		if !lasting(wrong) {
			t.Errorf("%s may mend by itself", wrong)
		}
	}
}
