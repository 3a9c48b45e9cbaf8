package memstore_test

import (
	"testing"

	"go.uber.org/goleak"

	"github.com/netsy-io/netsy/pkg/objectstore"
	"github.com/netsy-io/netsy/pkg/objectstore/memstore"
	"github.com/netsy-io/netsy/pkg/objectstore/storetest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestConformance(t *testing.T) {
	storetest.RunWith(t, storetest.Options{Rounds: 1000, Many: 2500}, func(*testing.T) objectstore.Store { return memstore.New(nil) })
}

// TestClone: what happens to either after cloning doesn't show in the other.
func TestClone(t *testing.T) {
	ctx := t.Context()
	a := memstore.New(nil)
	v, err := a.Put(ctx, "k", []byte("one"), objectstore.IfAbsent())
	if err != nil {
		t.Fatal(err)
	}
	b := a.Clone()
	if _, err := a.Put(ctx, "k", []byte("two"), objectstore.IfMatch(v)); err != nil {
		t.Fatal(err)
	}
	if _, err := a.Put(ctx, "new", nil, objectstore.IfAbsent()); err != nil {
		t.Fatal(err)
	}
	if got, _, err := objectstore.ReadAll(ctx, b, "k", 10); err != nil || string(got) != "one" {
		t.Fatalf("the clone's object is %q, %v", got, err)
	}
	if page, err := b.List(ctx, "", "", 0); err != nil || len(page.Objects) != 1 {
		t.Fatalf("the clone lists %+v, %v", page, err)
	}
}
