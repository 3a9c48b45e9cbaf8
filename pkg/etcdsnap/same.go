package etcdsnap

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/netsy-io/netsy/pkg/lease"
	"github.com/netsy-io/netsy/pkg/record"
)

// ErrDiffers means that a snapshot is not what an import of the file makes.
var ErrDiffers = errors.New("etcdsnap: not an import of this file")

// Same says whether src is what an earlier Convert of the file made: all is equal but the
// time of the import and the ids of leases, which must stand for the same leases.
func (f *File) Same(ctx context.Context, plan Plan, o Options, src Source) error {
	if got := src.Header().Purged; got != plan.Purged {
		return fmt.Errorf("%w: reduced to revision %d, not %d", ErrDiffers, got, plan.Purged)
	}
	c := comparison{src: src, ids: map[int64]int64{}, back: map[int64]int64{}}
	if _, err := f.Convert(ctx, plan, o, c.next); err != nil {
		return err
	}
	switch _, err := src.Next(); err {
	case io.EOF:
		return nil
	case nil:
		return fmt.Errorf("%w: it goes on behind revision %d", ErrDiffers, plan.Start)
	default:
		return err
	}
}

type comparison struct {
	src       Source
	ids, back map[int64]int64 // lease ids of one to those of the other
}

func (c *comparison) next(want *record.Record) error {
	got, err := c.src.Next()
	if err == io.EOF {
		return fmt.Errorf("%w: it ends before revision %d", ErrDiffers, want.Revision)
	}
	if err != nil {
		return err
	}
	if !c.equal(&got, want) {
		return fmt.Errorf("%w: revision %d/%d, key %q", ErrDiffers, got.Revision, got.Sub, got.Key)
	}
	return nil
}

func (c *comparison) equal(a, b *record.Record) bool {
	return a.Revision == b.Revision && a.Sub == b.Sub && a.Epoch == b.Epoch && a.LeaderID == b.LeaderID &&
		bytes.Equal(a.Key, b.Key) && bytes.Equal(a.Value, b.Value) && a.Created == b.Created && a.Deleted == b.Deleted &&
		a.CreateRevision == b.CreateRevision && a.PrevRevision == b.PrevRevision && a.Version == b.Version &&
		a.DEK == b.DEK && c.sameLease(a.Lease, b.Lease)
}

func (c *comparison) sameLease(a, b int64) bool {
	if a == 0 || b == 0 {
		return a == b
	}
	id, known := c.ids[a]
	back, knownBack := c.back[b]
	if known || knownBack {
		return known && knownBack && id == b && back == a
	}
	c.ids[a], c.back[b] = b, a
	return lease.ID(a).TTL() == lease.ID(b).TTL()
}
