package objectstoretest

import (
	"fmt"
	"sync/atomic"
	"testing"

	"github.com/netsy-io/netsy/pkg/objectstore"
	"github.com/netsy-io/netsy/pkg/objectstore/storetest"
)

// TestS3 runs the conformance suite against versitygw, each test under a key prefix of its own.
func TestS3(t *testing.T) {
	t.Parallel()
	g := startVersitygw(t)
	var n atomic.Int64
	o := storetest.Options{
		ContentVersions:  true, // ETags are MD5 sums of the content
		RacingDeletesWin: true, // S3's answer to If-Match on a missing object is 204
		Rounds:           20,
	}
	storetest.RunWith(t, o, func(t *testing.T) objectstore.Store {
		cfg := g.config()
		cfg.Prefix = fmt.Sprintf("suite/%d", n.Add(1))
		return g.open(t, cfg)
	})
	s := g.open(t, g.config())
	if _, err := s.Put(t.Context(), "reached", []byte("x"), objectstore.IfAbsent()); err != nil {
		t.Fatal(err)
	}
	g.reached(t, "reached")
}
