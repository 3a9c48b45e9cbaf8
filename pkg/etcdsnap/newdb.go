package etcdsnap

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	bolt "go.etcd.io/bbolt"
)

const (
	// batchBytes bounds what one transaction holds in memory: each copies the pages on
	// the way to the last leaf, which is little beside it.
	batchBytes = 16 << 20
	// entryOverhead is what an entry costs beside its key and value.
	entryOverhead = 64
	// fillPercent is etcd's: entries come in order, so pages may be full.
	fillPercent = 0.9
	// pageSize is that of the machines that etcd is built for, whatever this one's is.
	pageSize = 4096
)

// newDB is a bbolt database being written, in transactions of a bounded size. Nothing is
// durable before close.
type newDB struct {
	db    *bolt.DB
	tx    *bolt.Tx
	bytes int
}

func createDB(path string) (*newDB, error) {
	db, err := bolt.Open(path, 0o600, &bolt.Options{NoSync: true, NoGrowSync: true, FreelistType: bolt.FreelistMapType, PageSize: pageSize})
	if err != nil {
		return nil, fmt.Errorf("etcdsnap: create %s: %w", path, err)
	}
	d := &newDB{db: db}
	if err := d.buckets(); err != nil {
		return nil, errors.Join(err, d.close())
	}
	return d, nil
}

func (d *newDB) buckets() error {
	if err := d.begin(); err != nil {
		return err
	}
	for _, name := range append([]string{string(bucketKey), string(bucketMeta), string(bucketLease)}, otherBuckets...) {
		if _, err := d.tx.CreateBucketIfNotExists([]byte(name)); err != nil {
			return fmt.Errorf("etcdsnap: bucket %q: %w", name, err)
		}
	}
	return nil
}

func (d *newDB) begin() (err error) {
	if d.tx, err = d.db.Begin(true); err != nil {
		return fmt.Errorf("etcdsnap: begin: %w", err)
	}
	return nil
}

func (d *newDB) put(bucket, k, v []byte) error {
	b := d.tx.Bucket(bucket)
	b.FillPercent = fillPercent
	if err := b.Put(k, v); err != nil {
		return fmt.Errorf("etcdsnap: write: %w", err)
	}
	if d.bytes += len(k) + len(v) + entryOverhead; d.bytes < batchBytes {
		return nil
	}
	d.bytes = 0
	return errors.Join(d.commit(), d.begin())
}

func (d *newDB) commit() error {
	tx := d.tx
	d.tx = nil
	if err := tx.Commit(); err != nil {
		return fmt.Errorf("etcdsnap: commit: %w", err)
	}
	return nil
}

// close commits and closes. It comes after any error, too.
func (d *newDB) close() (err error) {
	if d.tx != nil {
		err = d.commit()
	}
	return errors.Join(err, d.db.Close())
}

// seal appends the hash to the database at part, makes it durable, and gives it its name.
func seal(ctx context.Context, part, path string) (size int64, err error) {
	f, err := os.OpenFile(part, os.O_RDWR, 0)
	if err != nil {
		return 0, fmt.Errorf("etcdsnap: %w", err)
	}
	size, err = appendHash(ctx, f)
	if err := errors.Join(err, f.Close()); err != nil {
		return 0, fmt.Errorf("etcdsnap: %s: %w", part, err)
	}
	if err := os.Link(part, path); err != nil { // unlike a rename, it replaces nothing
		return 0, fmt.Errorf("etcdsnap: %w", err)
	}
	if err := os.Remove(part); err != nil {
		return 0, fmt.Errorf("etcdsnap: %w", err)
	}
	return size, syncDir(filepath.Dir(path))
}

func appendHash(ctx context.Context, f *os.File) (size int64, err error) {
	h := sha256.New()
	for {
		n, err := io.CopyN(h, f, hashPiece)
		size += n
		if err == io.EOF {
			break
		}
		if err = errors.Join(err, ctx.Err()); err != nil {
			return size, err
		}
	}
	n, err := f.Write(h.Sum(nil))
	return size + int64(n), errors.Join(err, f.Sync())
}

func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return fmt.Errorf("etcdsnap: %w", err)
	}
	if err := errors.Join(d.Sync(), d.Close()); err != nil {
		return fmt.Errorf("etcdsnap: %s: %w", dir, err)
	}
	return nil
}
