package guide

import (
	"regexp"
	"strings"
)

// anything stands, in the output that a page shows, for any text within a line, or, on
// a line of its own, for any number of lines.
const anything = "…"

// notice is what bash itself says about a background process that was killed.
var notice = regexp.MustCompile(`(?m)^bash: line \d+: +\d+ Killed .*\n`)

// compare reports whether what was printed is what a page shows: the same lines, where
// runs of spaces count as one (columns are as wide as their widest value).
func compare(shown, printed string) bool {
	return lines(split(shown), split(notice.ReplaceAllString(printed, "")))
}

func split(text string) []string {
	out := strings.Split(strings.TrimSpace(text), "\n")
	for i := range out {
		out[i] = strings.Join(strings.Fields(out[i]), " ")
	}
	return out
}

func lines(shown, printed []string) bool {
	switch {
	case len(shown) == 0:
		return len(printed) == 0
	case shown[0] == anything:
		for i := range len(printed) + 1 {
			if lines(shown[1:], printed[i:]) {
				return true
			}
		}
		return false
	default:
		return len(printed) > 0 && line(shown[0], printed[0]) && lines(shown[1:], printed[1:])
	}
}

func line(shown, printed string) bool {
	parts := strings.Split(shown, anything)
	if len(parts) == 1 {
		return shown == printed
	}
	rest, ok := strings.CutPrefix(printed, parts[0])
	if !ok {
		return false
	}
	for _, part := range parts[1 : len(parts)-1] {
		i := strings.Index(rest, part)
		if i < 0 {
			return false
		}
		rest = rest[i+len(part):]
	}
	return strings.HasSuffix(rest, parts[len(parts)-1])
}
