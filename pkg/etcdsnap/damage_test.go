package etcdsnap

import (
	"bytes"
	"errors"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/netsy-io/netsy/pkg/record"
)

// large is a database whose bucket has branches, and values that overflow pages.
func large() *database {
	d := &database{}
	for i := range int64(400) {
		value := bytes.Repeat([]byte{byte(i)}, int(i*i%300))
		if i%97 == 0 {
			value = make([]byte, 20_000)
		}
		d.entries = append(d.entries, putAt(i+2, 0, string(record.Revision(i).Key()), string(value), i+2, 1, 0))
	}
	return d
}

// judge reads a damaged database without a hash. Whatever it holds, it is an error of this
// package or a history; it is never a crash.
func judge(t testing.TB, path string) error {
	t.Helper()
	f, err := Open(t.Context(), path, OpenOptions{SkipHash: true})
	if err == nil {
		_, _, err = convertFile(t, f)
		check(t, f.Close())
	}
	var e *Error
	if err != nil && !errors.As(err, &e) {
		t.Fatalf("not an error of this package: %v", err)
	}
	return err
}

// TestDamageIsFoundByTheHash: with a hash, every flipped byte is.
func TestDamageIsFoundByTheHash(t *testing.T) {
	b, err := os.ReadFile(sample().write(t))
	check(t, err)
	path := filepath.Join(t.TempDir(), "db")
	for i := 0; i < len(b); i += 37 {
		b[i] ^= 0x10
		check(t, os.WriteFile(path, b, 0o600))
		_, err := Open(t.Context(), path, OpenOptions{})
		wantError(t, err, ErrCorrupt)
		b[i] ^= 0x10
	}
}

// TestDamageWithoutAHash flips bytes of the structure, where bbolt would go astray.
func TestDamageWithoutAHash(t *testing.T) {
	b, err := os.ReadFile(without(t, large().write(t), true))
	check(t, err)
	path := filepath.Join(t.TempDir(), "db")
	rng := rand.New(rand.NewPCG(1, 2))
	found := 0
	for n := range 800 {
		i := n % (len(b) / pageSize) * pageSize
		i += rng.IntN(pageHeader + 10*elementSize)
		old := b[i]
		b[i] = byte(rng.Uint32())
		check(t, os.WriteFile(path, b, 0o600))
		if judge(t, path) != nil {
			found++
		}
		b[i] = old
	}
	if found < 300 {
		t.Errorf("only %d of 800 were found", found)
	}
}

func TestTruncation(t *testing.T) {
	b, err := os.ReadFile(without(t, large().write(t), true))
	check(t, err)
	for size := 0; size < len(b); size += pageSize / 2 {
		if err := judge(t, written(t, b[:size])); !errors.Is(err, ErrCorrupt) {
			t.Fatalf("%d of %d bytes: %v", size, len(b), err)
		}
	}
}

// TestCutShortWhileOpen: the map of the file leads nowhere then.
func TestCutShortWhileOpen(t *testing.T) {
	path := large().write(t)
	f, err := Open(t.Context(), path, OpenOptions{})
	check(t, err)
	defer f.Close()
	check(t, os.Truncate(path, pageSize))
	_, _, err = convertFile(t, f)
	wantError(t, err, ErrCorrupt)
}

// TestCircle makes a page its own child.
func TestCircle(t *testing.T) {
	b, err := os.ReadFile(without(t, large().write(t), true))
	check(t, err)
	circles, found := 0, 0
	for at := 0; at < len(b); at += pageSize {
		if native.Uint16(b[at+8:]) != flagBranch {
			continue
		}
		circles++
		old := bytes.Clone(b[at+pageHeader+8 : at+pageHeader+16])
		native.PutUint64(b[at+pageHeader+8:], native.Uint64(b[at:]))
		err := judge(t, written(t, b)) // pages that were given up lie about, too
		if err != nil && !strings.Contains(err.Error(), "it is in two places") {
			t.Errorf("page %d: %v", at/pageSize, err)
		}
		if err != nil {
			found++
		}
		copy(b[at+pageHeader+8:], old)
	}
	if found == 0 {
		t.Errorf("of %d circles none was found", circles)
	}
}

// FuzzOpen damages a small database: each three bytes of the input are a place and a value.
func FuzzOpen(f *testing.F) {
	good, err := os.ReadFile(without(f, sample().write(f), true))
	check(f, err)
	f.Add([]byte{0, 8, flagLeaf, 16, 0, 7})
	path := filepath.Join(f.TempDir(), "db")
	f.Fuzz(func(t *testing.T, patches []byte) {
		b := bytes.Clone(good)
		for ; len(patches) >= 3; patches = patches[3:] {
			b[(int(patches[0])<<8+int(patches[1]))%len(b)] = patches[2]
		}
		check(t, os.WriteFile(path, b, 0o600))
		judge(t, path)
	})
}

func FuzzLease(f *testing.F) {
	f.Add(etcdLease{id: 7, ttl: 60, remaining: 3}.bytes())
	f.Add(append(etcdLease{id: 7}.bytes(), 0x22, 1, 'x')) // a field 4
	f.Fuzz(func(t *testing.T, b []byte) {
		l, err := parseLease(b)
		if err != nil {
			return
		}
		if again, err := parseLease(l.bytes()); err != nil || again != l {
			t.Errorf("%+v, again %+v, %v", l, again, err)
		}
	})
}

func FuzzPlace(f *testing.F) {
	f.Add(place{revision: 5, sub: 3, tombstone: true}.bytes())
	f.Fuzz(func(t *testing.T, b []byte) {
		p, err := parsePlace(b)
		if err == nil && !bytes.Equal(p.bytes(), b) {
			t.Errorf("%x is %v, whose key is %x", b, p, p.bytes())
		}
	})
}
