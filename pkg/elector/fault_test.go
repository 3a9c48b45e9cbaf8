package elector

import (
	"context"
	"errors"
	"io"
	"strings"
	"sync"

	"github.com/netsy-io/netsy/pkg/objectstore"
)

// fate of one operation on object storage.
type fate int

const (
	pass        fate = iota
	unavailable      // refused, no effect
	lost             // done, the reply is lost
	never            // not done, the reply is lost
	late             // not done yet, the reply is lost; land does it
)

var fates = []fate{unavailable, lost, never, late}

func (f fate) String() string { return [...]string{"pass", "unavailable", "lost", "never", "late"}[f] }

// faulty is one process's way to the store.
type faulty struct {
	objectstore.Store

	mu    sync.Mutex
	plan  func(op, key string) fate // nil: all pass
	dead  bool
	frost chan struct{} // not nil: operations wait until it is closed
	held  []func()      // late writes
	trace []string
}

func (f *faulty) decide(op, key string) (fate, error) {
	f.mu.Lock()
	frost := f.frost
	f.mu.Unlock()
	if frost != nil {
		<-frost
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.dead {
		return 0, objectstore.Errorf(objectstore.ErrUnavailable, op, key, "the process is dead")
	}
	f.trace = append(f.trace, op+" "+key)
	if f.plan == nil {
		return pass, nil
	}
	return f.plan(op, key), nil
}

var errInjected = errors.New("injected")

// PutStream is a Put like any other.
func (f *faulty) PutStream(ctx context.Context, key string, body io.ReadSeeker, size int64, cond objectstore.Condition) (objectstore.Version, error) {
	b, err := io.ReadAll(body)
	if err == nil && int64(len(b)) != size {
		err = io.ErrUnexpectedEOF
	}
	if err != nil {
		return "", objectstore.Errorf(objectstore.ErrPermanent, "put", key, "reading the body: %w", err)
	}
	return f.Put(ctx, key, b, cond)
}

func (f *faulty) Put(ctx context.Context, key string, body []byte, cond objectstore.Condition) (objectstore.Version, error) {
	what, err := f.decide("put", key)
	if err != nil {
		return "", err
	}
	unknown := objectstore.Errorf(objectstore.ErrUnknownOutcome, "put", key, "%w", errInjected)
	switch what {
	case unavailable:
		return "", objectstore.Errorf(objectstore.ErrUnavailable, "put", key, "%w", errInjected)
	case lost:
		if _, err := f.Store.Put(ctx, key, body, cond); err != nil {
			return "", err
		}
		return "", unknown
	case never:
		return "", unknown
	case late:
		f.mu.Lock()
		defer f.mu.Unlock()
		f.held = append(f.held, func() { _, _ = f.Store.Put(context.Background(), key, body, cond) }) // refused is a way to land
		return "", unknown
	}
	return f.Store.Put(ctx, key, body, cond)
}

// land lets the late writes happen, as far as their conditions still hold.
func (f *faulty) land() {
	f.mu.Lock()
	held := f.held
	f.held = nil
	f.mu.Unlock()
	for _, fn := range held {
		fn()
	}
}

// read decides a request that changes nothing: it passes, or it is refused.
func (f *faulty) read(op, key string) error {
	what, err := f.decide(op, key)
	if err == nil && what != pass {
		err = objectstore.Errorf(objectstore.ErrUnavailable, op, key, "%w", errInjected)
	}
	return err
}

func (f *faulty) Get(ctx context.Context, key string) (*objectstore.Object, error) {
	if err := f.read("get", key); err != nil {
		return nil, err
	}
	return f.Store.Get(ctx, key)
}

func (f *faulty) GetRange(ctx context.Context, key string, offset, length int64) (*objectstore.Object, error) {
	if err := f.read("get", key); err != nil {
		return nil, err
	}
	return f.Store.GetRange(ctx, key, offset, length)
}

func (f *faulty) Stat(ctx context.Context, key string) (objectstore.Info, error) {
	if err := f.read("stat", key); err != nil {
		return objectstore.Info{}, err
	}
	return f.Store.Stat(ctx, key)
}

func (f *faulty) List(ctx context.Context, prefix, after string, limit int) (objectstore.Page, error) {
	if err := f.read("list", prefix); err != nil {
		return objectstore.Page{}, err
	}
	return f.Store.List(ctx, prefix, after, limit)
}

func (f *faulty) Delete(ctx context.Context, key string, cond objectstore.Condition) error {
	what, err := f.decide("delete", key)
	if err != nil {
		return err
	}
	switch what {
	case unavailable:
		return objectstore.Errorf(objectstore.ErrUnavailable, "delete", key, "%w", errInjected)
	case lost, never, late:
		if what == lost {
			if err := f.Store.Delete(ctx, key, cond); err != nil {
				return err
			}
		}
		if what == late {
			f.mu.Lock()
			defer f.mu.Unlock()
			f.held = append(f.held, func() { _ = f.Store.Delete(context.Background(), key, cond) }) // refused is a way to land
		}
		return objectstore.Errorf(objectstore.ErrUnknownOutcome, "delete", key, "%w", errInjected)
	}
	return f.Store.Delete(ctx, key, cond)
}

// die makes the process's every further operation fail without effect.
func (f *faulty) die() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.dead = true
}

// documents says whether a write is to the registry rather than to the lock.
func documents(op, key string) bool { return op == "put" && !strings.HasPrefix(key, "leader/") }
