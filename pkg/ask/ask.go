// Package ask lets many who want to know the same thing share one answer, without
// anybody getting one that is older than their own question.
package ask

import (
	"context"
	"sync"
)

// Shared puts a question on behalf of all who were waiting before it was sent. Who
// comes later joins the next one: an answer that may be older than the one who asks
// proves nothing to it. One question is out at a time, so under load the next one
// gathers many. Safe for concurrent use.
type Shared[T any] struct {
	question func(context.Context) (T, error)
	wake     chan struct{} // of capacity 1: somebody waits

	mu   sync.Mutex
	next *pending[T] // not sent yet; nil if nobody waits
}

type pending[T any] struct {
	done   chan struct{} // closed when the rest is set
	answer T
	err    error
}

// New makes a Shared that asks by calling question. Run must be running.
func New[T any](question func(context.Context) (T, error)) *Shared[T] {
	return &Shared[T]{question: question, wake: make(chan struct{}, 1)}
}

// Answer returns the answer to a question that was sent after the call. When over is
// closed first it returns ended; when ctx ends first, its error.
func (s *Shared[T]) Answer(ctx context.Context, over <-chan struct{}, ended error) (T, error) {
	p := s.join()
	var none T
	select {
	case <-p.done:
		return p.answer, p.err
	case <-ctx.Done():
		return none, ctx.Err()
	case <-over:
		return none, ended
	}
}

// Run puts the questions until ctx ends.
func (s *Shared[T]) Run(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-s.wake:
		}
		if p := s.take(); p != nil {
			p.answer, p.err = s.question(ctx)
			close(p.done)
		}
	}
}

// join returns a question that has not been sent.
func (s *Shared[T]) join() *pending[T] {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.next == nil {
		s.next = &pending[T]{done: make(chan struct{})}
		select {
		case s.wake <- struct{}{}:
		default:
		}
	}
	return s.next
}

// take closes the next question to further joiners; nil if nobody waits.
func (s *Shared[T]) take() *pending[T] {
	s.mu.Lock()
	defer s.mu.Unlock()
	p := s.next
	s.next = nil
	return p
}
