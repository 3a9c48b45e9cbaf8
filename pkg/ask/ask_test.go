package ask

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
)

// A caller must never be answered by a question that was sent before it asked.
func TestOnlyUnsentQuestionsAreJoined(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		asked := 0
		answers := make(chan error)
		s := New(func(context.Context) (int, error) { asked++; return asked, <-answers })
		go s.Run(ctx)

		type got struct {
			n   int
			err error
		}
		ask := func(to chan got) {
			n, err := s.Answer(ctx, nil, nil)
			to <- got{n, err}
		}
		first, late := make(chan got, 1), make(chan got, 2)
		go ask(first)
		synctest.Wait() // the first question is out
		for range 2 {
			go ask(late)
		}
		synctest.Wait()
		answers <- nil
		if g := <-first; g.n != 1 || g.err != nil {
			t.Fatal(g)
		}
		synctest.Wait()
		select {
		case <-late:
			t.Fatal("a question sent before the call answered it")
		default:
		}
		denied := errors.New("denied")
		answers <- denied
		for range 2 { // both share the second question
			if g := <-late; g.n != 2 || !errors.Is(g.err, denied) {
				t.Fatal(g)
			}
		}
		if asked != 2 {
			t.Fatalf("%d questions for three callers, want 2", asked)
		}
	})
}

func TestAnswerEndsWithContextAndWhenOver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := New[int](nil) // nobody runs it
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if _, err := s.Answer(ctx, nil, nil); !errors.Is(err, context.Canceled) {
			t.Fatal(err)
		}
		over, ended := make(chan struct{}), errors.New("over")
		close(over)
		if _, err := s.Answer(t.Context(), over, ended); !errors.Is(err, ended) {
			t.Fatal(err)
		}
	})
}
