package statuspage

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// age is a duration for people: one unit, rounded down.
func age(d time.Duration) string {
	switch d = max(d, 0); {
	case d < 2*time.Minute:
		return fmt.Sprintf("%d s", d/time.Second)
	case d < 2*time.Hour:
		return fmt.Sprintf("%d min", d/time.Minute)
	case d < 48*time.Hour:
		return fmt.Sprintf("%d h", d/time.Hour)
	}
	return fmt.Sprintf("%d days", d/(24*time.Hour))
}

// ago is how long before now t was.
func ago(now, t time.Time) string {
	if t.IsZero() {
		return "never"
	}
	return age(now.Sub(t)) + " ago"
}

// grouped is n with spaces between groups of three digits; they don't break.
func grouped(n int64) string {
	s := strconv.FormatInt(n, 10)
	sign := strings.HasPrefix(s, "-")
	s = strings.TrimPrefix(s, "-")
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + "\u202f" + s[i:]
	}
	if sign {
		return "-" + s
	}
	return s
}

// size is a number of bytes for people.
func size(n int64) string {
	switch {
	case n < 1000:
		return fmt.Sprintf("%d bytes", n)
	case n < 1000_000:
		return fmt.Sprintf("%.1f kB", float64(n)/1e3)
	case n < 1000_000_000:
		return fmt.Sprintf("%.1f MB", float64(n)/1e6)
	}
	return fmt.Sprintf("%.1f GB", float64(n)/1e9)
}

func plural(n int64, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return grouped(n) + " " + what + "s"
}

// short is enough of an incarnation to tell two apart.
func short(incarnation string) string {
	if r := []rune(incarnation); len(r) > 8 {
		return string(r[:8])
	}
	return incarnation
}

// piece of a sentence; Code: between backticks.
type piece struct {
	Text string
	Code bool
}

// pieces takes a sentence apart at its backticks.
func pieces(sentence string) []piece {
	var out []piece
	for i, s := range strings.Split(sentence, "`") {
		if s != "" {
			out = append(out, piece{s, i%2 == 1})
		}
	}
	return out
}

// plain is a sentence without its backticks.
func plain(sentence string) string { return strings.ReplaceAll(sentence, "`", "") }
