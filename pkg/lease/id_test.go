package lease

import (
	"errors"
	"math"
	"testing"
	"time"
)

func TestIDCarriesItsTerms(t *testing.T) {
	for _, second := range []int64{1, 2, 1000, 94_000_000, maxSecond} {
		for _, ttl := range []int64{MinTTL, 15, 3660, 86400, MaxTTL} {
			for _, seq := range []uint8{0, 1, 255} {
				id := makeID(second, ttl, seq)
				got, err := Parse(int64(id))
				if err != nil || got != id || id <= 0 {
					t.Fatalf("%d, %d, %d: %v, %v", second, ttl, seq, got, err)
				}
				if want := idEpoch.Add(time.Duration(second) * time.Second); !got.GrantedAt().Equal(want) {
					t.Errorf("granted at %s, want %s", got.GrantedAt(), want)
				}
				if got.TTL() != time.Duration(ttl)*time.Second || uint8(got) != seq {
					t.Errorf("%d: TTL %s, sequence %d", id, got.TTL(), uint8(got))
				}
			}
		}
	}
}

func TestParseRefusesWhatIsNotOurs(t *testing.T) {
	for _, id := range []int64{
		0, -1, math.MinInt64, 1, 7, 1234, math.MaxUint32,
		int64(makeID(5, 0, 9)), int64(makeID(5, MinTTL-1, 9)), int64(makeID(0, MaxTTL, 255)),
	} {
		if got, err := Parse(id); !errors.Is(err, ErrLeaseNotFound) || got != 0 {
			t.Errorf("%d: %v, %v", id, got, err)
		}
	}
}

func TestSecondFitsWhateverTheClock(t *testing.T) {
	for _, c := range []struct {
		now  time.Time
		want int64
	}{
		{time.Unix(0, 0), 1},
		{idEpoch, 1},
		{idEpoch.Add(time.Minute), 60},
		{idEpoch.AddDate(200, 0, 0), maxSecond},
	} {
		if got := secondAt(c.now); got != c.want {
			t.Errorf("%s: %d, want %d", c.now, got, c.want)
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add(int64(0))
	f.Add(int64(makeID(1, 2, 3)))
	f.Fuzz(func(t *testing.T, id int64) {
		l, err := Parse(id)
		if err != nil {
			return
		}
		if back := makeID(l.second(), l.seconds(), uint8(l)); int64(back) != id {
			t.Errorf("%d is made of parts of %d", id, back)
		}
		if l.TTL() < time.Duration(MinTTL)*time.Second || l.GrantedAt().Before(idEpoch) {
			t.Errorf("%d: TTL %s from %s", id, l.TTL(), l.GrantedAt())
		}
	})
}
