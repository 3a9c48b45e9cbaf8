package watch

// span is the set of keys a watch is on: [lo, hi), or from lo on if open.
type span struct {
	lo, hi string
	open   bool
}

// parseSpan reads a request's key and range_end as etcd does: an empty key is the
// smallest key, an empty end means the one key, end "\x00" means no end. ok is
// false if the range can't hold any key.
func parseSpan(key, end []byte) (s span, ok bool) {
	s.lo = string(key)
	if len(key) == 0 {
		s.lo = "\x00"
	}
	switch {
	case len(end) == 0:
		s.hi = s.lo + "\x00"
	case len(end) == 1 && end[0] == 0:
		s.open = true
	default:
		s.hi = string(end)
	}
	return s, s.open || s.lo < s.hi
}

// single says whether the span is exactly one key.
func (s span) single() bool {
	return !s.open && len(s.hi) == len(s.lo)+1 && s.hi[len(s.lo)] == 0 && s.hi[:len(s.lo)] == s.lo
}

// request is the inverse of parseSpan, in the form that History takes.
func (s span) request() (key, end []byte) {
	switch {
	case s.open:
		return []byte(s.lo), []byte{0}
	case s.single():
		return []byte(s.lo), nil
	}
	return []byte(s.lo), []byte(s.hi)
}

func (s span) contains(key string) bool { return s.lo <= key && s.below(key) }

// below says whether key is below the span's end.
func (s span) below(key string) bool { return s.open || key < s.hi }

// compare orders spans by start, then by end.
func (s span) compare(t span) int {
	switch {
	case s == t:
		return 0
	case s.lo != t.lo:
		return less(s.lo < t.lo)
	case s.open || t.open:
		return less(t.open)
	}
	return less(s.hi < t.hi)
}

func less(b bool) int {
	if b {
		return -1
	}
	return 1
}
