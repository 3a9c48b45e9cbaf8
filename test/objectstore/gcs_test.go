package objectstoretest

import (
	"fmt"
	"sync/atomic"
	"testing"

	"github.com/netsy-io/netsy/pkg/objectstore"
	"github.com/netsy-io/netsy/pkg/objectstore/storetest"
)

// TestGCS runs the conformance suite against fake-gcs-server, each test under a key prefix of its own.
func TestGCS(t *testing.T) {
	t.Parallel()
	g := startFakeGCS(t)
	var n atomic.Int64
	storetest.RunWith(t, storetest.Options{Rounds: 20}, func(t *testing.T) objectstore.Store {
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
