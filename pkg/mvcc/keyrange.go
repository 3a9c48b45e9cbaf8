package mvcc

import "bytes"

// keyRange is what a request's key and range_end select, bytewise: one key (no
// end), everything from key on (end "\0"), or [key, end).
type keyRange struct {
	key, end []byte
	open     bool // no upper bound; end is unused
}

func newKeyRange(key, rangeEnd []byte) keyRange {
	switch {
	case len(rangeEnd) == 0:
		return keyRange{key: key, end: append(bytes.Clone(key), 0)}
	case len(rangeEnd) == 1 && rangeEnd[0] == 0:
		return keyRange{key: key, open: true}
	}
	return keyRange{key: key, end: rangeEnd}
}

// single says whether the range is exactly one key.
func single(rangeEnd []byte) bool { return len(rangeEnd) == 0 }

// past says whether key lies beyond the range.
func (r keyRange) past(key []byte) bool {
	return !r.open && bytes.Compare(key, r.end) >= 0
}
