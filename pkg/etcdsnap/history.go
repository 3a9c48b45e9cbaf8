package etcdsnap

import (
	"cmp"
	"strings"

	"github.com/netsy-io/netsy/pkg/record"
)

const (
	// epochMark begins the keys of the tombstones that an export writes in the place of
	// Netsy's own records, so that no revision is without a record.
	epochMark = record.EpochStartKey + "/"
	// markKey is the key of the records that an import makes of them, which can't be seen
	// either. They begin no reign.
	markKey = "_netsy/import"
)

// isMark says whether an entry is such a tombstone. A put under its name is refused.
func isMark(e *entry) bool { return e.tombstone && strings.HasPrefix(string(e.kv.Key), epochMark) }

// history follows each living key through the entries, in order. It is pure. Memory: some
// 100 bytes a living key, and its name.
type history struct {
	floor  record.Revision
	living map[string]keyState
	marked keyState // of markKey
}

type keyState struct {
	revision, create record.Revision
	version, sub     int64
}

func newHistory(floor record.Revision) *history {
	return &history{floor: floor, living: map[string]keyState{}}
}

// settle takes note of an entry at or below the floor. When all have been, living is the
// state at the floor.
func (h *history) settle(e *entry) {
	switch {
	case e.filler:
	case e.tombstone:
		delete(h.living, string(e.kv.Key))
	default:
		h.living[string(e.kv.Key)] = stateOf(e)
	}
}

func stateOf(e *entry) keyState {
	return keyState{revision: e.revision, sub: e.sub, create: record.Revision(e.kv.CreateRevision), version: e.kv.Version}
}

// record makes the record of an entry, once the floor is settled; ok is false if the
// state at the floor doesn't need it. Sub, Epoch, LeaderID and Lease are left to the caller.
func (h *history) record(e *entry) (r record.Record, ok bool, err error) {
	if e.filler {
		return r, false, nil
	}
	prev, lives := h.living[string(e.kv.Key)]
	if e.revision <= h.floor {
		if e.tombstone || !lives || prev != stateOf(e) {
			return r, false, nil
		}
		return put(e, keyState{}), true, checkName(e)
	}
	if isMark(e) {
		return h.mark(e), true, nil
	}
	if err := h.follows(e, prev, lives); err != nil {
		return r, false, err
	}
	if e.tombstone {
		delete(h.living, string(e.kv.Key))
		return record.Record{
			Revision: e.revision, Key: e.kv.Key, Deleted: true, CreateRevision: prev.create, PrevRevision: prev.revision,
		}, true, nil
	}
	h.living[string(e.kv.Key)] = stateOf(e)
	return put(e, prev), true, nil
}

// mark makes the record that stands for a revision of Netsy's own.
func (h *history) mark(e *entry) record.Record {
	prev := h.marked
	h.marked = keyState{revision: e.revision, create: cmp.Or(prev.create, e.revision), version: prev.version + 1}
	return record.Record{
		Revision: e.revision, Key: []byte(markKey), Created: prev.version == 0,
		CreateRevision: h.marked.create, PrevRevision: prev.revision, Version: h.marked.version,
	}
}

func put(e *entry, prev keyState) record.Record {
	return record.Record{
		Revision: e.revision, Key: e.kv.Key, Value: e.kv.Value, Created: e.kv.Version == 1,
		CreateRevision: record.Revision(e.kv.CreateRevision), PrevRevision: prev.revision, Version: e.kv.Version,
	}
}

// follows checks that an entry above the floor goes on from the key's state before it.
func (h *history) follows(e *entry, prev keyState, lives bool) error {
	const hint = "; if the etcd works otherwise, compact it to its present revision and take another snapshot"
	if err := checkName(e); err != nil {
		return err
	}
	switch {
	case lives && prev.revision == e.revision:
		return corrupt(e.String(), "key %q is changed twice%s", e.kv.Key, hint)
	case e.tombstone && !lives:
		return corrupt(e.String(), "key %q is deleted, but wasn't there%s", e.kv.Key, hint)
	case e.tombstone:
		return nil
	case !lives && e.kv.Version != 1:
		return corrupt(e.String(), "key %q has version %d, but wasn't there%s", e.kv.Key, e.kv.Version, hint)
	case lives && (e.kv.Version != prev.version+1 || e.kv.CreateRevision != int64(prev.create)):
		return corrupt(e.String(), "key %q, created at revision %d, has version %d after %d of revision %d, created at %d%s",
			e.kv.Key, e.kv.CreateRevision, e.kv.Version, prev.version, prev.revision, prev.create, hint)
	}
	return nil
}

func checkName(e *entry) error {
	if record.IsReserved(e.kv.Key) {
		return unsupported(e.String(), "key %q: names that begin like this are Netsy's own; delete it in etcd, compact to the present revision, and take another snapshot", e.kv.Key)
	}
	return nil
}
