package mvcc

import "github.com/netsy-io/netsy/pkg/record"

// undoLog remembers what each unpublished revision replaced, so that a transaction
// can read at a revision that isn't in SQLite yet. It is as long as the writes in
// flight, which the sequencer bounds.
type undoLog struct {
	floor   record.Revision // the oldest state that can be made
	entries []undoEntry     // by revision
}

type undoEntry struct {
	rev  record.Revision
	key  []byte
	prev *item // nil: the key did not exist
}

// undo turns t, in which the entry's change is the last one, into the state before it.
func (e undoEntry) undo(t *tree) {
	if e.prev != nil {
		t.Set(e.prev)
	} else {
		t.Delete(&item{key: e.key})
	}
}

func (u *undoLog) add(rev record.Revision, key []byte, prev *item) {
	u.entries = append(u.entries, undoEntry{rev: rev, key: key, prev: prev})
}

// pop removes the last entry.
func (u *undoLog) pop() undoEntry {
	n := len(u.entries) - 1
	last := u.entries[n]
	u.entries = u.entries[:n]
	return last
}

// forget drops what is needed for states before rev only.
func (u *undoLog) forget(rev record.Revision) {
	if rev <= u.floor {
		return
	}
	u.floor = rev
	n := 0
	for n < len(u.entries) && u.entries[n].rev <= rev {
		n++
	}
	if n == len(u.entries) {
		u.entries = u.entries[:0]
		return
	}
	u.entries = u.entries[n:]
}

// at turns t, a copy of the newest state, into the one at rev >= floor.
func (u *undoLog) at(t *tree, rev record.Revision) *tree {
	for i := len(u.entries) - 1; i >= 0 && u.entries[i].rev > rev; i-- {
		u.entries[i].undo(t)
	}
	return t
}
