package registry

import (
	"context"
	"errors"
	"fmt"

	"github.com/netsy-io/netsy/pkg/objectstore"
)

// document is what cas needs of one version of a document.
type document struct {
	writeID string
	version objectstore.Version
}

// cas writes body under cond and finds out what came of it. read gives the
// document as it is now (errors.Is ErrNotFound if it is absent). It returns the
// version written, ErrConflict, ErrUnknownOutcome or the store's error, which then
// means that nothing was written.
func (r *Registry) cas(ctx context.Context, key string, body []byte, writeID string, cond objectstore.Condition,
	read func(context.Context) (document, error)) (objectstore.Version, error) {
	v, err := r.store.Put(ctx, key, body, cond)
	switch {
	case err == nil:
		return v, nil
	case errors.Is(err, objectstore.ErrPreconditionFailed), errors.Is(err, objectstore.ErrUnknownOutcome):
		return r.resolve(ctx, key, writeID, cond, err, read)
	default:
		return "", fmt.Errorf("registry: writing %s: %w", key, err)
	}
}

// resolve reads back after a lost reply, and after a refusal, which may be the
// echo of our own success when a client library retried.
func (r *Registry) resolve(ctx context.Context, key, writeID string, cond objectstore.Condition, cause error,
	read func(context.Context) (document, error)) (objectstore.Version, error) {
	now, err := read(ctx)
	if err != nil && !errors.Is(err, ErrNotFound) {
		return "", fmt.Errorf("%w: %s: %w; reading it back: %w", ErrUnknownOutcome, key, cause, err)
	}
	switch verdict(now, err == nil, writeID, cond, cause) {
	case written:
		return now.version, nil
	case conflict:
		return "", fmt.Errorf("%w: %s", ErrConflict, key)
	default:
		return "", fmt.Errorf("%w: %s: %w", ErrUnknownOutcome, key, cause)
	}
}

type outcome int

const (
	unknown outcome = iota
	written
	conflict
)

// verdict judges a write by what is there afterwards. A document that is still
// the one the write is conditional on proves nothing if the reply was lost: the
// write may land yet. Once the condition can't hold any more it never will:
// version tokens don't come back.
func verdict(now document, present bool, writeID string, cond objectstore.Condition, cause error) outcome {
	if present && now.writeID == writeID {
		return written
	}
	if errors.Is(cause, objectstore.ErrPreconditionFailed) {
		return conflict
	}
	if cond.IsAbsent() {
		if present {
			return conflict
		}
		return unknown
	}
	if v, ok := cond.Match(); ok && present && now.version == v {
		return unknown
	}
	return conflict
}
