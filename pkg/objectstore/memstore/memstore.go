// Package memstore is an object store in memory, for tests and simulations. It
// obeys the contract of objectstore.Store to the letter and never fails by itself;
// package fault adds failures.
package memstore

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"maps"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/netsy-io/netsy/pkg/objectstore"
)

// Store is an objectstore.Store in memory. The zero value is not usable: see New.
type Store struct {
	now func() time.Time

	mu      sync.Mutex
	objects map[string]object
	keys    []string // sorted
	writes  uint64   // counts up over all keys; versions come from it
}

type object struct {
	body     []byte // never changed once stored
	version  objectstore.Version
	modified time.Time
}

var _ objectstore.Store = (*Store)(nil)

// New makes an empty store. now is its clock, time.Now if nil.
func New(now func() time.Time) *Store {
	if now == nil {
		now = time.Now
	}
	return &Store{now: now, objects: map[string]object{}}
}

// Clone copies the store as it is at this moment, versions included.
func (s *Store) Clone() *Store {
	s.mu.Lock()
	defer s.mu.Unlock()
	return &Store{now: s.now, objects: maps.Clone(s.objects), keys: slices.Clone(s.keys), writes: s.writes}
}

func (s *Store) String() string { return "memory://" }

// Get opens the whole object.
func (s *Store) Get(ctx context.Context, key string) (*objectstore.Object, error) {
	return s.GetRange(ctx, key, 0, -1)
}

// GetRange opens part of an object.
func (s *Store) GetRange(ctx context.Context, key string, offset, length int64) (*objectstore.Object, error) {
	if err := objectstore.CheckRange(ctx, key, offset); err != nil {
		return nil, err
	}
	o, err := s.lookup("get", key)
	if err != nil {
		return nil, err
	}
	body := o.body[min(offset, int64(len(o.body))):]
	if length >= 0 && length < int64(len(body)) {
		body = body[:length]
	}
	return &objectstore.Object{Info: o.info(key), Body: io.NopCloser(bytes.NewReader(body))}, nil
}

// Stat describes an object.
func (s *Store) Stat(ctx context.Context, key string) (objectstore.Info, error) {
	if err := objectstore.CheckRead(ctx, "stat", key); err != nil {
		return objectstore.Info{}, err
	}
	o, err := s.lookup("stat", key)
	return o.info(key), err
}

func (s *Store) lookup(op, key string) (object, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	o, ok := s.objects[key]
	if !ok {
		return object{}, objectstore.Errorf(objectstore.ErrNotFound, op, key, "no such object")
	}
	return o, nil
}

func (o object) info(key string) objectstore.Info {
	return objectstore.Info{Key: key, Size: int64(len(o.body)), Version: o.version, Modified: o.modified}
}

// Put writes an object.
func (s *Store) Put(ctx context.Context, key string, body []byte, cond objectstore.Condition) (objectstore.Version, error) {
	if err := objectstore.CheckPut(ctx, key, cond); err != nil {
		return "", err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	old, exists := s.objects[key]
	if err := check(old, exists, cond); err != nil {
		return "", &objectstore.Error{Kind: objectstore.ErrPreconditionFailed, Op: "put", Key: key, Err: err}
	}
	s.writes++
	o := object{body: slices.Clone(body), version: objectstore.Version("v" + strconv.FormatUint(s.writes, 10)), modified: s.now()}
	if !exists {
		i, _ := slices.BinarySearch(s.keys, key)
		s.keys = slices.Insert(s.keys, i, key)
	}
	s.objects[key] = o
	return o.version, nil
}

// PutStream writes an object from a reader.
func (s *Store) PutStream(ctx context.Context, key string, body io.ReadSeeker, size int64, cond objectstore.Condition) (objectstore.Version, error) {
	if body == nil || size < 0 {
		return "", objectstore.Errorf(objectstore.ErrPermanent, "put", key, "no body, or its size %d is negative", size)
	}
	if _, err := body.Seek(0, io.SeekStart); err != nil {
		return "", objectstore.Errorf(objectstore.ErrPermanent, "put", key, "rewinding the body: %w", err)
	}
	b, err := io.ReadAll(body)
	if err != nil {
		return "", objectstore.Errorf(objectstore.ErrUnavailable, "put", key, "reading the body: %w", err)
	}
	if int64(len(b)) != size {
		return "", objectstore.Errorf(objectstore.ErrPermanent, "put", key, "the body has %d bytes, not %d", len(b), size)
	}
	return s.Put(ctx, key, b, cond)
}

// Delete removes an object.
func (s *Store) Delete(ctx context.Context, key string, cond objectstore.Condition) error {
	if err := objectstore.CheckDelete(ctx, key, cond); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	old, exists := s.objects[key]
	if err := check(old, exists, cond); err != nil {
		return &objectstore.Error{Kind: objectstore.ErrPreconditionFailed, Op: "delete", Key: key, Err: err}
	}
	if exists {
		i, _ := slices.BinarySearch(s.keys, key)
		s.keys = slices.Delete(s.keys, i, i+1)
		delete(s.objects, key)
	}
	return nil
}

func check(old object, exists bool, cond objectstore.Condition) error {
	want, match := cond.Match()
	switch {
	case cond.IsAbsent() && exists:
		return fmt.Errorf("the object exists, with version %s", old.version)
	case match && !exists:
		return fmt.Errorf("the object does not exist")
	case match && old.version != want:
		return fmt.Errorf("the object has version %s, not %s", old.version, want)
	}
	return nil
}

// List returns one page.
func (s *Store) List(ctx context.Context, prefix, startAfter string, limit int) (objectstore.Page, error) {
	limit, err := objectstore.CheckList(ctx, prefix, startAfter, limit)
	if err != nil {
		return objectstore.Page{}, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	i, found := slices.BinarySearch(s.keys, max(prefix, startAfter))
	if found && s.keys[i] == startAfter {
		i++
	}
	var page objectstore.Page
	for ; i < len(s.keys) && strings.HasPrefix(s.keys[i], prefix); i++ {
		if len(page.Objects) == limit {
			page.More = true
			break
		}
		page.Objects = append(page.Objects, s.objects[s.keys[i]].info(s.keys[i]))
	}
	return page, nil
}
