package watch

import (
	"cmp"
	"testing"
)

// keys are all strings of up to three of the bytes that range ends are made of.
func keys() []string {
	out := []string{""}
	for i := 0; i < len(out) && len(out[i]) < 3; i++ {
		for _, c := range []string{"\x00", "a", "b", "\xff"} {
			out = append(out, out[i]+c)
		}
	}
	return out
}

func TestSpan(t *testing.T) {
	all := keys()
	for _, key := range all {
		for _, end := range all {
			if len(key)+len(end) > 4 {
				continue
			}
			checkSpan(t, key, end, all)
		}
	}
}

func checkSpan(t *testing.T, key, end string, all []string) {
	s, ok := parseSpan([]byte(key), []byte(end))
	from := cmp.Or(key, "\x00")
	for _, k := range all {
		want := false
		switch end {
		case "":
			want = k == from
		case "\x00":
			want = k >= from
		default:
			want = k >= from && k < end
		}
		if k != "" && s.contains(k) != want {
			t.Fatalf("[%q, %q) contains %q: %v", key, end, k, !want)
		}
		if want && k != "" && !ok {
			t.Fatalf("[%q, %q) holds %q but was called empty", key, end, k)
		}
	}
	if !ok {
		return
	}
	if back, ok := parseSpan(s.request()); !ok || back != s {
		t.Fatalf("[%q, %q) as a request is %v, was %v", key, end, back, s)
	}
}

func FuzzSpan(f *testing.F) {
	f.Add([]byte("a"), []byte("b"))
	f.Add([]byte(""), []byte{0})
	f.Fuzz(func(t *testing.T, key, end []byte) {
		s, ok := parseSpan(key, end)
		if !ok {
			return
		}
		if !s.contains(s.lo) {
			t.Errorf("%v doesn't hold its own start", s)
		}
		if back, ok := parseSpan(s.request()); !ok || back != s {
			t.Errorf("%v as a request is %v", s, back)
		}
	})
}
