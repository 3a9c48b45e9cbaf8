package primary

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
)

// A caller must never be answered by a question that was sent before it asked.
func TestConfirmJoinsOnlyUnsentQuestions(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		asked := 0
		answers := make(chan error)
		c := newConfirmer(func(context.Context) error { asked++; return <-answers })
		go c.run(ctx)

		first := make(chan error, 1)
		go func() { first <- c.confirm(ctx, nil) }()
		synctest.Wait() // the first question is out
		late := make(chan error, 2)
		for range 2 {
			go func() { late <- c.confirm(ctx, nil) }()
		}
		synctest.Wait()
		answers <- nil
		if err := <-first; err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		select {
		case <-late:
			t.Fatal("a question sent before the call answered it")
		default:
		}
		denied := errors.New("deposed")
		answers <- denied
		for range 2 { // both share the second question
			if err := <-late; !errors.Is(err, denied) {
				t.Fatal(err)
			}
		}
		if asked != 2 {
			t.Fatalf("%d questions for three callers, want 2", asked)
		}
	})
}

func TestConfirmEndsWithContextAndReign(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newConfirmer(nil) // nobody runs it
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if err := c.confirm(ctx, nil); !errors.Is(err, context.Canceled) {
			t.Fatal(err)
		}
		over := make(chan struct{})
		close(over)
		if err := c.confirm(t.Context(), over); !errors.Is(err, ErrNotPrimary) {
			t.Fatal(err)
		}
	})
}
