package storetest

import (
	"bytes"
	"crypto/sha256"
	"io"
	"math/rand/v2"
	"strings"

	"github.com/netsy-io/netsy/pkg/objectstore"
)

func testRanges(s *suite) {
	v := s.put("k", "0123456789", objectstore.IfAbsent())
	for _, c := range []struct {
		offset, length int64
		want           string
	}{
		{0, -1, "0123456789"}, {0, 10, "0123456789"}, {0, 1, "0"}, {3, 4, "3456"}, {9, 1, "9"},
		{5, -1, "56789"}, {5, 100, "56789"}, {9, 100, "9"}, {0, 1 << 40, "0123456789"},
		{10, 1, ""}, {10, -1, ""}, {11, 5, ""}, {1 << 40, -1, ""}, {0, 0, ""}, {5, 0, ""}, {20, 0, ""},
	} {
		got, info := s.rangeOf("k", c.offset, c.length)
		if got != c.want || info.Size != 10 || info.Version != v || info.Key != "k" {
			s.Errorf("from %d, %d bytes: %q %+v, expected %q", c.offset, c.length, got, info, c.want)
		}
	}
}

func testPutStream(s *suite) {
	var seed [32]byte
	body := io.NewSectionReader(pattern{}, 0, s.o.Big)
	sum := sha256.New()
	if _, err := io.Copy(sum, io.NewSectionReader(pattern{}, 0, s.o.Big)); err != nil {
		s.Fatal(err)
	}
	v, err := s.store.PutStream(s.ctx, "snapshots/1.netsy", body, s.o.Big, objectstore.IfAbsent())
	if err != nil {
		s.Fatal(err)
	}
	o, err := s.store.Get(s.ctx, "snapshots/1.netsy")
	if err != nil {
		s.Fatal(err)
	}
	defer o.Body.Close()
	got := sha256.New()
	if n, err := io.Copy(got, o.Body); err != nil || n != s.o.Big {
		s.Fatalf("read %d bytes: %v", n, err)
	}
	if !bytes.Equal(sum.Sum(nil), got.Sum(nil)) || o.Version != v || o.Size != s.o.Big {
		s.Fatalf("what was read back differs: %+v, version %s", o.Info, v)
	}
	rng := rand.New(rand.NewChaCha8(seed))
	for range 10 {
		at, n := rng.Int64N(s.o.Big), rng.Int64N(1000)
		want, _ := io.ReadAll(io.NewSectionReader(pattern{}, at, min(n, s.o.Big-at)))
		if got, _ := s.rangeOf("snapshots/1.netsy", at, n); got != string(want) {
			s.Fatalf("%d bytes at %d differ", n, at)
		}
	}
	_, err = s.store.PutStream(s.ctx, "snapshots/1.netsy", body, s.o.Big, objectstore.IfAbsent())
	s.fails(err, objectstore.ErrPreconditionFailed)
	if _, err = s.store.PutStream(s.ctx, "snapshots/1.netsy", strings.NewReader("short"), 5, objectstore.IfMatch(v)); err != nil {
		s.Fatal(err)
	}
	if got, _ := s.get("snapshots/1.netsy"); got != "short" {
		s.Fatalf("after the second: %d bytes", len(got))
	}
}

// testPutStreamSizes: a body that isn't of the given size is refused and leaves nothing.
func testPutStreamSizes(s *suite) {
	for _, size := range []int64{-1, 0, 4, 6} {
		_, err := s.store.PutStream(s.ctx, "k", strings.NewReader("12345"), size, objectstore.IfAbsent())
		s.fails(err, objectstore.ErrPermanent)
		s.fails(s.getErr("k"), objectstore.ErrNotFound)
	}
	_, err := s.store.PutStream(s.ctx, "k", nil, 0, objectstore.IfAbsent())
	s.fails(err, objectstore.ErrPermanent)
	r := strings.NewReader("12345")
	if _, err := r.Seek(3, io.SeekStart); err != nil {
		s.Fatal(err)
	}
	v, err := s.store.PutStream(s.ctx, "k", r, 5, objectstore.IfAbsent()) // from its start, wherever it stands
	if err != nil {
		s.Fatal(err)
	}
	s.holds("k", "12345", v)
	if _, err := s.store.PutStream(s.ctx, "empty", strings.NewReader(""), 0, objectstore.IfAbsent()); err != nil {
		s.Fatal(err)
	}
}

// testBodyOutlivesDelete: an open body is all of one version, whatever happens to
// its key, or an error; never a mixture.
func testBodyOutlivesDelete(s *suite) {
	one, two := strings.Repeat("1", 1<<20), strings.Repeat("2", 1<<20)
	s.put("k", one, objectstore.Always())
	o, err := s.store.Get(s.ctx, "k")
	if err != nil {
		s.Fatal(err)
	}
	defer o.Body.Close()
	s.put("k", two, objectstore.Always())
	if b, err := io.ReadAll(o.Body); err == nil && string(b) != one {
		s.Fatalf("read %d bytes that aren't the object that was opened", len(b))
	}
}

// pattern is an endless body of which every byte tells its place.
type pattern struct{}

func (pattern) ReadAt(p []byte, off int64) (int, error) {
	for i := range p {
		x := uint64(off+int64(i)) * 0x9e3779b97f4a7c15
		p[i] = byte(x >> 56)
	}
	return len(p), nil
}
