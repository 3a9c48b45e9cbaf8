package netsyctl

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/netsy-io/netsy/pkg/objectlog"
	"github.com/netsy-io/netsy/pkg/objectstore"
	"github.com/netsy-io/netsy/pkg/record"
)

// A cluster that begins with a history begins with a lone snapshot: one object, and nothing
// beside it.

// errNotEmpty means that a new history can't begin where there is something.
var errNotEmpty = errors.New("there is something in the bucket already")

// lonely says whether there is nothing (0), or nothing but one snapshot, whose revision is
// returned. Anything else is errNotEmpty, which names it.
func (b *bucket) lonely(ctx context.Context) (record.Revision, error) {
	const naming = 5 // objects; more would not say more
	var names []string
	page, err := b.store.List(ctx, "", "", naming+1)
	if err != nil {
		return 0, fmt.Errorf("listing %s: %w", b.store, err)
	}
	for _, o := range page.Objects[:min(len(page.Objects), naming)] {
		names = append(names, o.Key)
	}
	switch n := len(page.Objects); {
	case n == 0:
		return 0, nil
	case n == 1:
		if rev, err := objectlog.ParseSnapshotKey(names[0]); err == nil {
			return rev, nil
		}
	case n > naming || page.More:
		names = append(names, "and more")
	}
	return 0, notEmpty(b.store, names)
}

func notEmpty(st objectstore.Store, names []string) error {
	return fmt.Errorf("%s: %w: %s: a cluster that begins with a history needs a bucket or key prefix (storage.key_prefix) of its own",
		st, errNotEmpty, strings.Join(names, ", "))
}
