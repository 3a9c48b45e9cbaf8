// Package fault wraps an object store for tests: each request passes through faults
// that may refuse it, lose its reply, delay it or let it happen late. Product code
// knows nothing of it.
//
//	s := fault.New(memstore.New(nil))
//	s.Inject(fault.Once(fault.Puts("chunks/"), fault.LostReply()))
package fault

import (
	"context"
	"fmt"
	"io"
	"sync"

	"github.com/netsy-io/netsy/pkg/objectstore"
)

// Request is one call of a Store. Only the fields of its operation are set.
type Request struct {
	Op     string // get, put, delete, list, stat
	Key    string // for list: the prefix
	Body   []byte // put
	Stream bool   // put: the call was PutStream
	Cond   objectstore.Condition

	Ranged         bool // get: the call was GetRange
	Offset, Length int64

	StartAfter string // list
	Limit      int
}

// Response is what came of a request.
type Response struct {
	Version objectstore.Version // put
	Object  *objectstore.Object // get
	Page    objectstore.Page    // list
	Info    objectstore.Info    // stat
}

// Next hands the request on to the next fault, at last to the store.
type Next func(ctx context.Context, r *Request) (Response, error)

// Fault decides what happens to a request. It may be called concurrently.
type Fault func(ctx context.Context, r *Request, next Next) (Response, error)

// Store is an objectstore.Store with faults in front.
type Store struct {
	inner objectstore.Store

	mu     sync.Mutex
	faults []Fault
}

var _ objectstore.Store = (*Store)(nil)

// New wraps inner. The first fault is the outermost.
func New(inner objectstore.Store, faults ...Fault) *Store {
	return &Store{inner: inner, faults: faults}
}

// Inject adds a fault in front of the others. Requests under way aren't affected.
func (s *Store) Inject(f Fault) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.faults = append([]Fault{f}, s.faults...)
}

// Heal removes all faults, those given to New included.
func (s *Store) Heal() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.faults = nil
}

func (s *Store) do(ctx context.Context, r *Request) (Response, error) {
	s.mu.Lock()
	faults := s.faults // replaced, never changed in place
	s.mu.Unlock()
	next := s.perform
	for i := len(faults) - 1; i >= 0; i-- {
		f, inner := faults[i], next
		next = func(ctx context.Context, r *Request) (Response, error) { return f(ctx, r, inner) }
	}
	return next(ctx, r)
}

// perform sends the request to the wrapped store.
func (s *Store) perform(ctx context.Context, r *Request) (resp Response, err error) {
	switch r.Op {
	case "get":
		if r.Ranged {
			resp.Object, err = s.inner.GetRange(ctx, r.Key, r.Offset, r.Length)
		} else {
			resp.Object, err = s.inner.Get(ctx, r.Key)
		}
	case "put":
		resp.Version, err = s.inner.Put(ctx, r.Key, r.Body, r.Cond)
	case "delete":
		err = s.inner.Delete(ctx, r.Key, r.Cond)
	case "list":
		resp.Page, err = s.inner.List(ctx, r.Key, r.StartAfter, r.Limit)
	case "stat":
		resp.Info, err = s.inner.Stat(ctx, r.Key)
	default:
		err = objectstore.Errorf(objectstore.ErrPermanent, r.Op, r.Key, "no such operation")
	}
	return resp, err
}

func (s *Store) String() string { return "faulty " + s.inner.String() }

func (s *Store) Get(ctx context.Context, key string) (*objectstore.Object, error) {
	resp, err := s.do(ctx, &Request{Op: "get", Key: key})
	return resp.Object, err
}

func (s *Store) GetRange(ctx context.Context, key string, offset, length int64) (*objectstore.Object, error) {
	resp, err := s.do(ctx, &Request{Op: "get", Key: key, Ranged: true, Offset: offset, Length: length})
	return resp.Object, err
}

func (s *Store) Put(ctx context.Context, key string, body []byte, cond objectstore.Condition) (objectstore.Version, error) {
	resp, err := s.do(ctx, &Request{Op: "put", Key: key, Body: body, Cond: cond})
	return resp.Version, err
}

// PutStream reads the whole body first: a fault may need it when its reader is gone.
func (s *Store) PutStream(ctx context.Context, key string, body io.ReadSeeker, size int64, cond objectstore.Condition) (objectstore.Version, error) {
	if body == nil {
		return "", objectstore.Errorf(objectstore.ErrPermanent, "put", key, "no body")
	}
	if _, err := body.Seek(0, io.SeekStart); err != nil {
		return "", objectstore.Errorf(objectstore.ErrPermanent, "put", key, "rewinding the body: %w", err)
	}
	b, err := io.ReadAll(body)
	if err == nil && int64(len(b)) != size {
		err = fmt.Errorf("the body has %d bytes, not %d", len(b), size)
	}
	if err != nil {
		return "", &objectstore.Error{Kind: objectstore.ErrPermanent, Op: "put", Key: key, Err: err}
	}
	resp, err := s.do(ctx, &Request{Op: "put", Key: key, Body: b, Stream: true, Cond: cond})
	return resp.Version, err
}

func (s *Store) Delete(ctx context.Context, key string, cond objectstore.Condition) error {
	_, err := s.do(ctx, &Request{Op: "delete", Key: key, Cond: cond})
	return err
}

func (s *Store) List(ctx context.Context, prefix, startAfter string, limit int) (objectstore.Page, error) {
	resp, err := s.do(ctx, &Request{Op: "list", Key: prefix, StartAfter: startAfter, Limit: limit})
	return resp.Page, err
}

func (s *Store) Stat(ctx context.Context, key string) (objectstore.Info, error) {
	resp, err := s.do(ctx, &Request{Op: "stat", Key: key})
	return resp.Info, err
}
