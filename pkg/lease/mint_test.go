package lease

import (
	"errors"
	"testing"
	"time"
)

func TestMint(t *testing.T) {
	now := idEpoch.Add(1000*time.Second + 300*time.Millisecond)
	m := NewMinter(now)
	seen := map[int64]bool{}
	for i := range 1000 {
		ttl := int64(i % 7)
		id, err := m.Mint(ttl)
		if err != nil {
			t.Fatal(err)
		}
		l, err := Parse(id)
		if err != nil || seen[id] {
			t.Fatalf("%d: %v, seen %v", id, err, seen[id])
		}
		seen[id] = true
		if want := time.Duration(max(ttl, MinTTL)) * time.Second; l.TTL() != want {
			t.Errorf("TTL %v of %d s", l.TTL(), ttl)
		}
		if at := l.GrantedAt(); at.After(now) || i < 256 && now.Sub(at) > time.Second {
			t.Errorf("id %d was granted at %v", i, at)
		}
	}
}

func TestMintEnds(t *testing.T) {
	m := NewMinter(idEpoch.Add(-time.Hour)) // a clock that is off
	for range 256 {
		if _, err := m.Mint(MaxTTL); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := m.Mint(5); !errors.Is(err, ErrNoIDs) {
		t.Errorf("got %v", err)
	}
	if _, err := NewMinter(time.Now()).Mint(MaxTTL + 1); !errors.Is(err, ErrLeaseTTLTooLarge) {
		t.Errorf("got %v", err)
	}
}
