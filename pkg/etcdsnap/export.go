package etcdsnap

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/netsy-io/netsy/pkg/datafile"
	"github.com/netsy-io/netsy/pkg/lease"
	"github.com/netsy-io/netsy/pkg/record"
)

// Source is a Netsy snapshot being read; Next returns io.EOF once all of it was sound.
type Source interface {
	Header() datafile.Header
	Next() (record.Record, error)
}

// ExportSummary says what was written.
type ExportSummary struct {
	Revision   record.Revision `json:"revision"`        // the current one of the etcd to be
	Compacted  record.Revision `json:"etcd_compaction"` // up to where history is gone; 0 is nowhere
	Keys       int64           `json:"keys"`
	Entries    int64           `json:"etcd_entries"`
	Leases     int64           `json:"leases"`
	Internal   int64           `json:"internal_records"`   // Netsy's own, in whose place are tombstones of nothing
	Unreadable int64           `json:"keys_without_lease"` // records whose lease id isn't Netsy's: they have none now
	Size       int64           `json:"size"`
}

// ExportOptions of Export. The zero value works.
type ExportOptions struct {
	Progress func(records, of int64) // nil is nobody
}

// Export writes the records of src as an etcd snapshot to a new file at path, which
// appears only once it is whole and durable. Memory: by the number of keys with leases.
func Export(ctx context.Context, path string, src Source, o ExportOptions) (s ExportSummary, err error) {
	if _, err := os.Lstat(path); !errors.Is(err, fs.ErrNotExist) {
		if err == nil {
			err = fs.ErrExist
		}
		return s, fmt.Errorf("etcdsnap: %s: %w", path, err)
	}
	part, err := partOf(path)
	if err != nil {
		return s, err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, ignoreMissing(os.Remove(part)))
		}
	}()
	db, err := createDB(part)
	if err != nil {
		return s, err
	}
	e := &export{db: db, purged: src.Header().Purged, held: map[string]int64{}}
	if err := errors.Join(e.all(ctx, src, o.Progress), db.close()); err != nil {
		return s, err
	}
	if e.summary.Size, err = seal(ctx, part, path); err != nil {
		return s, err
	}
	return e.summary, nil
}

// partOf makes an empty file beside path, of a name that no other export has.
func partOf(path string) (string, error) {
	f, err := os.CreateTemp(filepath.Dir(path), filepath.Base(path)+".part-")
	if err != nil {
		return "", fmt.Errorf("etcdsnap: %w", err)
	}
	if err := f.Close(); err != nil {
		return "", fmt.Errorf("etcdsnap: %w", err)
	}
	return f.Name(), nil
}

func ignoreMissing(err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}

// export is one run over the records.
type export struct {
	db      *newDB
	purged  record.Revision
	held    map[string]int64 // leases of living keys
	summary ExportSummary
}

func (e *export) all(ctx context.Context, src Source, progress func(records, of int64)) error {
	for n := int64(1); ; n++ {
		r, err := src.Next()
		if err == io.EOF {
			break
		}
		if err != nil {
			return err
		}
		if n%contextPiece == 0 && ctx.Err() != nil {
			return ctx.Err()
		}
		if progress != nil && n%progressPiece == 0 {
			progress(n, src.Header().RecordsCount)
		}
		if err := e.add(&r); err != nil {
			return err
		}
	}
	return e.end()
}

func (e *export) add(r *record.Record) error {
	e.summary.Revision = r.Revision
	ent := entry{place: place{revision: r.Revision, sub: int64(r.Sub), tombstone: r.Deleted}}
	switch {
	case r.DEK != 0:
		return unsupported(ent.String(), "the value of key %q is encrypted", r.Key)
	case r.Internal():
		return e.internal(r, ent)
	case r.Deleted:
		ent.kv.Key = r.Key
		delete(e.held, string(r.Key))
		e.summary.Keys--
	default:
		e.put(r, &ent)
	}
	return e.write(&ent)
}

// internal puts the tombstone of a key that never was in the place of one of Netsy's own
// records: it can't be seen, but etcd, and an import, find no revision without a record,
// and the last one isn't given out again. etcd has no record of revision 1 either.
func (e *export) internal(r *record.Record, ent entry) error {
	if r.Revision <= max(e.purged, 1) {
		return nil
	}
	e.summary.Internal++
	ent.tombstone, ent.kv.Key = true, fmt.Appendf(nil, "%s%d", epochMark, r.Revision)
	return e.write(&ent)
}

func (e *export) put(r *record.Record, ent *entry) {
	ent.kv.Key, ent.kv.Value, ent.kv.Version = r.Key, r.Value, r.Version
	ent.kv.CreateRevision, ent.kv.ModRevision = int64(r.CreateRevision), int64(r.Revision)
	if r.Revision <= e.purged || r.Version == 1 { // what is purged is each living key once
		e.summary.Keys++
	}
	delete(e.held, string(r.Key))
	if r.Lease == 0 {
		return
	}
	if _, err := lease.Parse(r.Lease); err != nil {
		e.summary.Unreadable++
		return
	}
	ent.kv.Lease = r.Lease
	e.held[string(r.Key)] = r.Lease
}

func (e *export) write(ent *entry) error {
	v, err := ent.kv.Marshal()
	if err != nil {
		return fmt.Errorf("etcdsnap: %v: %w", ent.place, err)
	}
	e.summary.Entries++
	return e.db.put(bucketKey, ent.bytes(), v)
}

// end writes what etcd expects beside the entries.
func (e *export) end() error {
	leases := map[int64]bool{}
	for _, id := range e.held {
		leases[id] = true
	}
	for id := range leases {
		l := etcdLease{id: id, ttl: int64(lease.ID(id).TTL().Seconds())}
		if err := e.db.put(bucketLease, l.key(), l.bytes()); err != nil {
			return err
		}
	}
	e.summary.Leases, e.summary.Compacted = int64(len(leases)), e.purged
	if e.purged > 0 {
		at := place{revision: e.purged}.bytes()
		for _, k := range [][]byte{metaScheduledCompact, metaFinishedCompact} {
			if err := e.db.put(bucketMeta, k, at); err != nil {
				return err
			}
		}
	}
	one := []byte{0, 0, 0, 0, 0, 0, 0, 1} // a restore sets both anew
	return errors.Join(
		e.db.put(bucketMeta, metaConsistentIndex, one),
		e.db.put(bucketMeta, metaTerm, one),
		e.db.put(bucketMeta, metaStorageVersion, []byte(storageVersion)),
	)
}

// storageVersion is the schema that is written, which etcd 3.5 doesn't look at.
const storageVersion = "3.6.0"
