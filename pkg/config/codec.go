package config

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/tailscale/hujson"
)

// codec reads and shows one kind of value. Errors say what is wanted and what was got.
type codec[T any] struct {
	kind   string // for people: string, integer, duration, boolean
	limits string // for people: what is allowed
	parse  func(hujson.Literal) (T, error)
	show   func(T) string // as JSON
	schema map[string]any // JSON Schema: it accepts all that parse does, and refuses what it can
}

func textOf(l hujson.Literal) (string, bool) { return l.String(), l.Kind() == '"' }

// text is a string that must pass the checks, in order.
func text(limits string, checks ...func(string) error) codec[string] {
	return codec[string]{
		kind: "string", limits: limits, show: strconv.Quote, schema: map[string]any{"type": "string"},
		parse: func(l hujson.Literal) (string, error) {
			s, ok := textOf(l)
			if !ok {
				return "", fmt.Errorf("must be a string in quotes (got %s)", string(l))
			}
			for _, check := range checks {
				if err := check(s); err != nil {
					return "", err
				}
			}
			return s, nil
		},
	}
}

func oneOf(values ...string) codec[string] {
	quoted := make([]string, len(values))
	for i, v := range values {
		quoted[i] = strconv.Quote(v)
	}
	limits := strings.Join(quoted, ", ")
	c := text(limits, func(s string) error {
		if slices.Contains(values, s) {
			return nil
		}
		return fmt.Errorf("must be one of %s (got %q)%s", limits, s, hint(s, values))
	})
	c.schema["enum"] = values
	return c
}

func integer(low, high int) codec[int] {
	limits := fmt.Sprintf("%d to %d", low, high)
	return codec[int]{
		kind: "integer", limits: limits, show: strconv.Itoa, schema: map[string]any{"type": "integer", "minimum": low, "maximum": high},
		parse: func(l hujson.Literal) (int, error) {
			if l.Kind() != '0' {
				return 0, fmt.Errorf("must be a number without quotes, %s (got %s)", limits, string(l))
			}
			n, err := strconv.Atoi(string(l))
			if errors.Is(err, strconv.ErrSyntax) {
				return 0, fmt.Errorf("must be a whole number, %s (got %s)", limits, string(l))
			}
			if err != nil || n < low || n > high {
				return 0, fmt.Errorf("must be between %d and %d (got %s)", low, high, string(l))
			}
			return n, nil
		},
	}
}

// durationPattern is what time.ParseDuration takes, without a sign or with one; ranges are beyond
// a pattern.
const durationPattern = `^[-+]?(0|((\d+\.?\d*|\.\d+)(ns|us|µs|μs|ms|s|m|h))+)$`

// duration is a Go duration string. With zero, "0" is allowed besides the range.
func duration(low, high time.Duration, zero bool) codec[time.Duration] {
	limits := fmt.Sprintf("%s to %s", showDuration(low), showDuration(high))
	if zero {
		limits += `, or "0" for never`
	}
	return codec[time.Duration]{
		kind: "duration", limits: limits, schema: map[string]any{"type": "string", "pattern": durationPattern},
		show: func(d time.Duration) string { return strconv.Quote(showDuration(d)) },
		parse: func(l hujson.Literal) (time.Duration, error) {
			s, ok := textOf(l)
			if !ok {
				return 0, fmt.Errorf(`must be a duration in quotes, such as "%s" (got %s)`, showDuration(low), string(l))
			}
			d, err := time.ParseDuration(s)
			if err != nil {
				return 0, fmt.Errorf(`must be a duration such as "1s", "5m" or "1h30m" (got %q)`, s)
			}
			if d == 0 && zero || d >= low && d <= high {
				return d, nil
			}
			return 0, fmt.Errorf("must be %s (got %q)", limits, s)
		},
	}
}

// showDuration writes 1h rather than 1h0m0s.
func showDuration(d time.Duration) string {
	s := d.String()
	if strings.HasSuffix(s, "m0s") {
		s = strings.TrimSuffix(s, "0s")
	}
	if strings.HasSuffix(s, "h0m") {
		s = strings.TrimSuffix(s, "0m")
	}
	if s == "0s" {
		return "0"
	}
	return s
}

func boolean() codec[bool] {
	return codec[bool]{
		kind: "boolean", limits: "true, false", show: strconv.FormatBool, schema: map[string]any{"type": "boolean"},
		parse: func(l hujson.Literal) (bool, error) {
			switch l.Kind() {
			case 't', 'f':
				return l.Bool(), nil
			}
			return false, fmt.Errorf("must be true or false without quotes (got %s)", string(l))
		},
	}
}
