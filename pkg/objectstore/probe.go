package objectstore

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"time"
)

// ErrNoConditionalWrites says that a store takes a second create, or a stale
// compare-and-swap, and so can't hold a Netsy cluster.
var ErrNoConditionalWrites = errors.New("this object storage does not refuse conflicting conditional writes and can't be used: " +
	"two writers could both win the same slot and acknowledged data would be lost; " +
	"use a provider with If-None-Match and If-Match (S3) or generation preconditions (GCS), with no proxy that drops these headers")

// Probe proves on a scratch key, which it deletes (trying for 2 s after ctx has ended), that the store refuses a
// second create, a stale compare-and-swap, and a stale conditional delete. It returns ErrNoConditionalWrites
// if not; any other error (unreachable, credentials, no such bucket) is the Store's own.
// Run it once at the start of every process.
func Probe(ctx context.Context, s Store) (err error) {
	p := &probe{ctx: ctx, s: s, key: "probe/" + rand.Text()}
	defer func() { err = errors.Join(err, p.cleanUp()) }()
	v1, err := p.written("one", IfAbsent())
	if err != nil {
		return err
	}
	if err := p.refused("a second create", p.put("two", IfAbsent())); err != nil {
		return err
	}
	v2, err := p.written("three", IfMatch(v1))
	if err != nil {
		return err
	}
	if v1 == v2 {
		return fmt.Errorf("%w (%s: other bytes under the same key have the same version %s)", ErrNoConditionalWrites, s, v1)
	}
	if err := p.refused("a stale compare-and-swap", p.put("four", IfMatch(v1))); err != nil {
		return err
	}
	if err := p.refused("a stale conditional delete", s.Delete(ctx, p.key, IfMatch(v1))); err != nil {
		return err
	}
	v, err := p.holding("three")
	if err == nil && v != v2 {
		err = fmt.Errorf("%w (%s: the version changed from %s to %s without a write)", ErrNoConditionalWrites, s, v2, v)
	}
	return err
}

// cleanUpTimeout is how long the scratch object's deletion may go on once ctx has ended: a
// request or two, and short against the 15 s after which a service manager kills. An object that
// is left does no harm.
const cleanUpTimeout = 2 * time.Second

type probe struct {
	ctx     context.Context
	s       Store
	key     string
	created bool // there may be something to delete
}

func (p *probe) put(body string, cond Condition) error {
	_, err := p.s.Put(p.ctx, p.key, content(body), cond)
	return err
}

// written makes a write that must succeed. A refusal may be the echo of its own
// success: then the object holds what was written.
func (p *probe) written(body string, cond Condition) (Version, error) {
	v, err := p.s.Put(p.ctx, p.key, content(body), cond)
	p.created = p.created || err == nil || errors.Is(err, ErrUnknownOutcome) || errors.Is(err, ErrPreconditionFailed)
	if errors.Is(err, ErrPreconditionFailed) {
		return p.holding(body)
	}
	return v, p.failed("a write with the condition "+cond.String(), err)
}

func content(body string) []byte { return []byte("netsy probe " + body) }

// refused checks that a write that must be refused was.
func (p *probe) refused(what string, err error) error {
	switch {
	case errors.Is(err, ErrPreconditionFailed):
		return nil
	case err == nil:
		return fmt.Errorf("%w (%s took %s)", ErrNoConditionalWrites, p.s, what)
	default:
		return p.failed(what, err)
	}
}

// failed explains an error. A server that doesn't know conditions says "not
// implemented".
func (p *probe) failed(what string, err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, errors.ErrUnsupported):
		return fmt.Errorf("%w (%s: %s: %w)", ErrNoConditionalWrites, p.s, what, err)
	default:
		return fmt.Errorf("probing %s for conditional writes: %s: %w", p.s, what, err)
	}
}

// holding reads the object back and checks that it holds body. If not, the store
// answers "refused" and writes all the same, or refuses what it should take.
func (p *probe) holding(body string) (Version, error) {
	b, info, err := ReadAll(p.ctx, p.s, p.key, 1<<10)
	if err != nil {
		return "", p.failed("reading back", err)
	}
	if string(b) != string(content(body)) {
		return "", fmt.Errorf("%w (%s: the object holds %q, expected %q)", ErrNoConditionalWrites, p.s, b, content(body))
	}
	return info.Version, nil
}

func (p *probe) cleanUp() error {
	if !p.created {
		return nil
	}
	ctx, cancel := context.WithCancel(context.WithoutCancel(p.ctx))
	defer cancel()
	defer context.AfterFunc(p.ctx, func() { time.AfterFunc(cleanUpTimeout, cancel) })()
	if err := p.s.Delete(ctx, p.key, Always()); err != nil {
		return fmt.Errorf("deleting the probe's scratch object: %w", err)
	}
	return nil
}
