package file

import (
	"testing"

	"go.uber.org/goleak"

	"github.com/netsy-io/netsy/pkg/objectstore"
	"github.com/netsy-io/netsy/pkg/objectstore/storetest"
)

func openTest(t *testing.T, cfg Config) *Store {
	t.Helper()
	if cfg.Dir == "" {
		cfg.Dir = t.TempDir()
	}
	s, err := Open(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestConformance(t *testing.T) {
	defer goleak.VerifyNone(t, goleak.IgnoreCurrent())
	storetest.Run(t, func(t *testing.T) objectstore.Store { return openTest(t, Config{}) })
}

func TestConformanceWithPrefix(t *testing.T) {
	storetest.RunWith(t, storetest.Options{Rounds: 5}, func(t *testing.T) objectstore.Store {
		return openTest(t, Config{Prefix: "clusters/prod"})
	})
}
