package registry

import (
	"context"
	"testing"
	"time"

	"github.com/netsy-io/netsy/pkg/objectstore"
	"github.com/netsy-io/netsy/pkg/objectstore/fault"
	"github.com/netsy-io/netsy/pkg/objectstore/memstore"
)

func setup(t *testing.T) (*Registry, *fault.Store, context.Context) {
	t.Helper()
	f := fault.New(memstore.New(time.Now))
	return New(f, "c1"), f, t.Context()
}

func mustCluster(t *testing.T, r *Registry) Cluster {
	t.Helper()
	c, err := r.EnsureCluster(t.Context(), QuorumMajority)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func overwrite(t *testing.T, s objectstore.Store, key, body string) {
	t.Helper()
	if _, err := s.Put(t.Context(), key, []byte(body), objectstore.Always()); err != nil {
		t.Fatal(err)
	}
}

func content(t *testing.T, s objectstore.Store, key string) string {
	t.Helper()
	b, _, err := objectstore.ReadAll(t.Context(), s, key, maxDocument)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}
