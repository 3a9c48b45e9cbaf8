package verify

import (
	"slices"
	"testing"

	"go.uber.org/goleak"

	"github.com/netsy-io/netsy/pkg/bucket/buckettest"
	"github.com/netsy-io/netsy/pkg/record"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// bed is a bucket to be verified.
type bed struct {
	*buckettest.Bed
	t testing.TB
}

func newBed(t testing.TB) *bed  { return &bed{buckettest.New(t), t} }
func longBed(t testing.TB) *bed { return &bed{buckettest.Long(t), t} }

func (b *bed) verify() Report {
	b.t.Helper()
	r, err := Run(b.t.Context(), Options{Store: b.Store})
	if err != nil {
		b.t.Fatal(err)
	}
	return r
}

// forge replaces a snapshot by one with other records and right checksums.
func (b *bed) forge(end, purged record.Revision, change func([]record.Record) []record.Record) {
	b.SnapshotOf(purged, change(b.At(purged, end)))
}

func (b *bed) flip(key string) {
	body := slices.Clone(b.Get(key))
	body[len(body)/2] ^= 0x10
	b.Put(key, body)
}
