// Package objectstore is the one door to object storage. Everything Netsy keeps
// for good goes through Store; the packages s3, gcs and file implement it, and
// package storetest holds the suite that each of them must pass.
package objectstore

import (
	"context"
	"io"
	"time"
)

// Store is a flat map from keys to immutable objects with conditional writes.
//
// Contract, for every implementation:
//
//   - Strong consistency: a Get, Stat or List that begins after a Put or Delete
//     returned (or took effect) sees it.
//   - Put is atomic: readers see all of an object or none of it. Of any number of
//     concurrent Puts with IfAbsent on a missing key exactly one succeeds; of any
//     number with IfMatch on one version exactly one succeeds.
//   - A precondition that fails gives ErrPreconditionFailed. Because a client
//     library may have retried inside, this may be the echo of one's own success:
//     callers that care read the object back.
//   - ErrUnknownOutcome from Put or Delete means that it may have happened, may
//     happen later, or may never happen. It is never returned when the store is
//     sure. It is the only error after which the write may exist.
//   - Keys are non-empty, slash-separated, of [a-zA-Z0-9._/-], without "." or ".."
//     segments or empty segments; the configured key prefix is added and removed by the store.
//   - All methods are safe for concurrent use, and honour ctx: a Put or Delete cut
//     short by ctx reports ErrUnknownOutcome if the request may have been sent.
//
// Errors wrap exactly one of the sentinels in errors.go; errors.Is tells which.
type Store interface {
	// Get returns the whole object, or ErrNotFound. The caller closes Body.
	Get(ctx context.Context, key string) (*Object, error)

	// GetRange returns length bytes from offset on, fewer if the object ends
	// before, none if offset is at or beyond its end. length < 0 means to the end.
	GetRange(ctx context.Context, key string, offset, length int64) (*Object, error)

	// Put writes body under key if cond holds and returns the new version.
	Put(ctx context.Context, key string, body []byte, cond Condition) (Version, error)

	// PutStream is Put for bodies too large for memory (snapshots). size is the
	// exact number of bytes in body; body is read once per attempt from its start.
	PutStream(ctx context.Context, key string, body io.ReadSeeker, size int64, cond Condition) (Version, error)

	// Delete removes key if cond (Always or IfMatch) holds. Deleting a missing
	// key with Always is not an error; with IfMatch it is ErrPreconditionFailed,
	// but of two concurrent deletes of one version both may report success. A
	// delete and a Put of one version never both do.
	Delete(ctx context.Context, key string, cond Condition) error

	// List returns one page of the keys that begin with prefix and are greater
	// than startAfter, in ascending byte order. limit <= 0 means the store's own
	// page size; pages never exceed 1,000 keys. More is exact.
	List(ctx context.Context, prefix, startAfter string, limit int) (Page, error)

	// Stat describes an object without its body, or ErrNotFound.
	Stat(ctx context.Context, key string) (Info, error)

	// String names provider, bucket and prefix for logs; it holds no secret.
	String() string
}

// Version is an opaque token that changes whenever the bytes of a key do: an ETag,
// a generation. S3's may repeat for equal bytes, so documents that are swapped carry
// a random write id. The zero Version is no version.
type Version string

// Info describes a stored object. Modified is by the store's own clock, which is
// the only one that ages of objects may be judged by.
type Info struct {
	Key      string
	Size     int64
	Version  Version
	Modified time.Time
}

// Object is an open object. Size in Info is that of the whole object, also for ranges.
type Object struct {
	Info
	Body io.ReadCloser
}

// Page is one page of a listing.
type Page struct {
	Objects []Info
	More    bool // keys remain after the last of Objects
}

// Condition is the precondition of a write.
type Condition struct {
	kind    conditionKind
	version Version
}

type conditionKind uint8

const (
	always conditionKind = iota
	ifAbsent
	ifMatch
)

// Always writes unconditionally.
func Always() Condition { return Condition{} }

// IfAbsent writes only if the key does not exist.
func IfAbsent() Condition { return Condition{kind: ifAbsent} }

// IfMatch writes only if the key exists with exactly this version.
func IfMatch(v Version) Condition { return Condition{kind: ifMatch, version: v} }

// IsAbsent reports whether the condition is IfAbsent.
func (c Condition) IsAbsent() bool { return c.kind == ifAbsent }

// Match returns the version an IfMatch condition names.
func (c Condition) Match() (Version, bool) { return c.version, c.kind == ifMatch }

func (c Condition) String() string {
	switch c.kind {
	case ifAbsent:
		return "if-absent"
	case ifMatch:
		return "if-match"
	default:
		return "always"
	}
}

// ReadAll gets a whole object into memory, at most limit bytes; a larger object is
// an ErrPermanent error rather than an exhausted process.
func ReadAll(ctx context.Context, s Store, key string, limit int64) ([]byte, Info, error) {
	o, err := s.Get(ctx, key)
	if err != nil {
		return nil, Info{}, err
	}
	defer o.Body.Close()
	if o.Size > limit {
		return nil, o.Info, Errorf(ErrPermanent, "get", key, "object has %d bytes, expected at most %d", o.Size, limit)
	}
	b, err := io.ReadAll(io.LimitReader(o.Body, limit+1))
	if err != nil {
		return nil, o.Info, Errorf(ErrUnavailable, "get", key, "reading the body: %w", err)
	}
	if int64(len(b)) != o.Size {
		return nil, o.Info, Errorf(ErrUnavailable, "get", key, "body has %d bytes, expected %d", len(b), o.Size)
	}
	return b, o.Info, nil
}

// ListAll calls fn for every key under prefix after startAfter, page by page.
func ListAll(ctx context.Context, s Store, prefix, startAfter string, fn func(Info) error) error {
	for {
		p, err := s.List(ctx, prefix, startAfter, 0)
		if err != nil {
			return err
		}
		for _, o := range p.Objects {
			if err := fn(o); err != nil {
				return err
			}
			startAfter = o.Key
		}
		if !p.More {
			return nil
		}
	}
}
