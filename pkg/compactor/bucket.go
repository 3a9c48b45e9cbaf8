package compactor

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/netsy-io/netsy/pkg/datafile"
	"github.com/netsy-io/netsy/pkg/objectlog"
	"github.com/netsy-io/netsy/pkg/objectstore"
	"github.com/netsy-io/netsy/pkg/objectstore/retry"
	"github.com/netsy-io/netsy/pkg/record"
)

// bucket is what the compactor asks of object storage beside what the log and the
// snapshots ask.
type bucket struct{ store objectstore.Store }

func retrying(ctx context.Context, fn func() error) error {
	return retry.Do(ctx, retry.Attempts, func(int, error) {}, fn)
}

func (b bucket) page(ctx context.Context, after string) (p objectstore.Page, err error) {
	err = retrying(ctx, func() error {
		p, err = b.store.List(ctx, objectlog.ChunkPrefix, after, 0)
		return err
	})
	return p, err
}

// slots lists the slots from the first one up to upTo and passes them to fn page by page,
// each with the one that is listed after it.
func (b bucket) slots(ctx context.Context, upTo record.Revision, fn func([]slot) error) error {
	after, held := "", []slot(nil) // held: the last one listed; what follows isn't known yet
	for {
		p, err := b.page(ctx, after)
		if err != nil {
			return err
		}
		batch := held
		for _, o := range p.Objects {
			first, err := objectlog.ParseChunkKey(o.Key)
			if err != nil {
				return err
			}
			if n := len(batch); n > 0 {
				batch[n-1].next = first
			}
			if first > upTo {
				return fn(batch)
			}
			batch, after = append(batch, slot{first: first, info: o}), o.Key
		}
		if !p.More || len(p.Objects) == 0 {
			return fn(batch)
		}
		n := len(batch) - 1
		if err := fn(batch[:n]); err != nil {
			return err
		}
		held = []slot{batch[n]}
	}
}

// tail is what is listed behind a revision.
type tail struct {
	chunks int
	size   int64
	first  objectstore.Info
	last   slot
}

func (b bucket) tail(ctx context.Context, after record.Revision) (t tail, err error) {
	startAfter := ""
	if after > 0 {
		startAfter = objectlog.ChunkKey(after)
	}
	for {
		p, err := b.page(ctx, startAfter)
		if err != nil {
			return tail{}, err
		}
		for _, o := range p.Objects {
			if t.chunks++; t.chunks == 1 {
				t.first = o
			}
			if t.last.first, err = objectlog.ParseChunkKey(o.Key); err != nil {
				return tail{}, err
			}
			t.last.info, startAfter = o, o.Key
			t.size += o.Size
		}
		if !p.More || len(p.Objects) == 0 {
			return t, nil
		}
	}
}

// damagedError: a chunk can't be understood.
type damagedError struct {
	key string
	err error
}

func (e *damagedError) Error() string { return fmt.Sprintf("compactor: %q: %v", e.key, e.err) }
func (e *damagedError) Unwrap() error { return e.err }

// facts reads what a chunk says of itself: its header and its first record. A body that
// breaks off looks like damage, so damage must be seen twice.
func (b bucket) facts(ctx context.Context, s slot) (f facts, err error) {
	for range 2 {
		err = retrying(ctx, func() error {
			f, err = b.factsOnce(ctx, s)
			return err
		})
		if damaged := (*damagedError)(nil); !errors.As(err, &damaged) {
			return f, err
		}
	}
	return f, err
}

func (b bucket) factsOnce(ctx context.Context, s slot) (facts, error) {
	o, err := b.store.Get(ctx, s.info.Key)
	if err != nil {
		return facts{}, err
	}
	defer o.Body.Close() // long before the end of a large one
	f, err := factsOf(o, s.first)
	switch {
	case err == nil:
		return f, nil
	case objectlog.Damaged(err):
		return facts{}, &damagedError{s.info.Key, err}
	default:
		return facts{}, objectstore.Errorf(objectstore.ErrUnavailable, "get", s.info.Key, "reading the body: %w", err)
	}
}

func factsOf(o *objectstore.Object, first record.Revision) (facts, error) {
	r, err := datafile.NewReader(o.Body)
	if err != nil {
		return facts{}, err
	}
	defer r.Close()
	f := facts{info: o.Info, header: r.Header()}
	switch {
	case f.header.Kind != datafile.Chunk:
		return facts{}, fmt.Errorf("%w: it is a %v", objectlog.ErrMisplaced, f.header.Kind)
	case f.header.Tombstone():
		return f, nil
	}
	rec, err := r.Next()
	if err != nil {
		return facts{}, err
	}
	if rec.Revision != first {
		return facts{}, fmt.Errorf("%w: its first revision is %d", objectlog.ErrMisplaced, rec.Revision)
	}
	f.beginsReign = beginsReign(&f.header, &rec)
	return f, nil
}

// modified is when an object was last written, by the store's clock.
func (b bucket) modified(ctx context.Context, key string) (t time.Time, err error) {
	err = retrying(ctx, func() error {
		info, err := b.store.Stat(ctx, key)
		t = info.Modified
		return err
	})
	return t, err
}

// fate is what became of a step.
type fate uint8

const (
	done      fate = iota
	overtaken      // the object is gone, or another version is there
	uncertain      // it may have happened, or may yet: that does no harm
)

func (f fate) String() string { return [...]string{"done", "overtaken", "uncertain"}[f] }

// carryOut does one step, on the version that was judged or not at all.
func (b bucket) carryOut(ctx context.Context, s Step) (fate, error) {
	err := retrying(ctx, func() error {
		if s.Action != Tombstone {
			return b.store.Delete(ctx, s.Key, objectstore.IfMatch(s.Version))
		}
		body, err := datafile.EncodeTombstone(s.header)
		if err != nil {
			return err
		}
		_, err = b.store.Put(ctx, s.Key, body, objectstore.IfMatch(s.Version))
		return err
	})
	switch {
	case err == nil:
		return done, nil
	case errors.Is(err, objectstore.ErrPreconditionFailed), errors.Is(err, objectstore.ErrNotFound):
		return overtaken, nil
	case errors.Is(err, objectstore.ErrUnknownOutcome):
		return uncertain, nil
	default:
		return uncertain, fmt.Errorf("compactor: %v: %w", s, err)
	}
}
