package config

import (
	"fmt"
	"strings"

	"github.com/xrash/smetrics"
)

// hint returns ` - did you mean "x"?` for the candidate that got was probably meant
// to be, or nothing.
func hint(got string, candidates []string) string {
	got = strings.ToLower(strings.ReplaceAll(got, "-", "_"))
	best, distance := "", len(got)/3+2 // a third of it may be wrong
	for _, c := range candidates {
		name := c[strings.LastIndexByte(c, '.')+1:]
		plain := strings.ReplaceAll(name, "-", "_")
		d := smetrics.WagnerFischer(got, plain, 1, 1, 1)
		if len(got) > 2 && strings.HasPrefix(plain, got+"_") {
			d = 1 // the beginning of a name is nearly the name
		}
		if d < distance {
			best, distance = c, d
		}
	}
	if best == "" {
		return ""
	}
	return fmt.Sprintf(" - did you mean %q?", best)
}
