package mvcc

import (
	"bytes"
	"context"
	"database/sql"
	"fmt"

	"github.com/netsy-io/netsy/pkg/record"
)

// load replays what is stored beyond the present state, up to to. It is one
// transaction: were a tombstone purged between two, the put before it would stand.
func (w *Working) load(ctx context.Context, to record.Revision) error {
	return w.store.readConn(ctx, "load state", func(conn *sql.Conn) error {
		stored, err := readDurable(ctx, conn)
		if err != nil {
			return err
		}
		to = max(to, w.rev)
		if to < stored.purged {
			return fmt.Errorf("%w: revision %d, superseded records are gone up to %d", ErrCompacted, to, stored.purged)
		}
		if w.rev < stored.purged {
			if err := w.rebuild(ctx, conn, stored.purged); err != nil {
				return err
			}
		}
		if err := w.replay(ctx, conn, to); err != nil {
			return err
		}
		w.undo = undoLog{floor: w.rev} // what is older is stored
		return nil
	})
}

// rebuild makes the state at the purged revision, from nothing: what was deleted since
// the present state and purged has left no tombstone, so nothing of the present
// state can be relied on. The tree is built from sorted keys, several times
// faster than by insertion.
func (w *Working) rebuild(ctx context.Context, conn *sql.Conn, purged record.Revision) error {
	w.store.cache.clear()
	var (
		keys   sorter
		stored = entering{cache: w.store.cache}
	)
	err := scanState(ctx, conn, 0, purged, func(r *stateRow) error {
		if r.deleted {
			return fmt.Errorf("%w: a tombstone of revision %d, purged up to %d", ErrCorrupt, r.pos.revision(), purged)
		}
		if !record.IsReserved(r.key) {
			it := r.item()
			keys.add(it)
			stored.add(turn{new: it})
		}
		return nil
	})
	stored.flush()
	items := keys.sorted()
	if err != nil {
		return err
	}
	t := newTree()
	for i, it := range items {
		if i > 0 && bytes.Equal(it.key, items[i-1].key) {
			return fmt.Errorf("%w: two records of key %q, purged up to %d", ErrCorrupt, it.key, purged)
		}
		t.Load(it)
	}
	w.tree, w.rev = t, purged
	return nil
}

// replay applies the records of w.rev+1..to, none of which may be missing.
func (w *Working) replay(ctx context.Context, conn *sql.Conn, to record.Revision) error {
	stored := entering{cache: w.store.cache}
	defer stored.flush()
	err := scanState(ctx, conn, w.rev+1, to, func(r *stateRow) error {
		rev := r.pos.revision()
		if rev > w.rev+1 {
			return fmt.Errorf("%w: revision %d follows %d", ErrCorrupt, rev, w.rev)
		}
		w.rev = rev
		if record.IsReserved(r.key) {
			return nil
		}
		var t turn
		if r.deleted {
			t.old, _ = w.tree.Delete(&item{key: r.key})
		} else {
			t.new = r.item()
			t.old, _ = w.tree.Set(t.new)
		}
		stored.add(t)
		return nil
	})
	if err == nil && w.rev < to {
		err = fmt.Errorf("%w: history ends at revision %d, not %d", ErrCorrupt, w.rev, to)
	}
	return err
}

// entering tells the value cache of what is loaded as it comes, so that it takes hardly more
// memory than it may.
type entering struct {
	cache *valueCache
	turns []turn
	bytes int64
}

const enteringBytes = 1 << 20

func (e *entering) add(t turn) {
	if t.new != nil {
		e.bytes += t.new.value.Load().size()
	}
	if e.turns = append(e.turns, t); len(e.turns) == pieceRecords || e.bytes >= enteringBytes {
		e.flush()
	}
}

func (e *entering) flush() {
	e.cache.turn(e.turns)
	clear(e.turns)
	e.turns, e.bytes = e.turns[:0], 0
}
