package forward

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	pb "github.com/netsy-io/netsy/pkg/netsypb/peerpb"
	"github.com/netsy-io/netsy/pkg/primary"
	"github.com/netsy-io/netsy/pkg/record"
)

type readAnswer struct {
	rev record.Revision
	err error
}

func readIndex(ctx context.Context, c *Client, n int) chan readAnswer {
	out := make(chan readAnswer, n)
	for range n {
		go func() {
			i, err := c.ReadIndex(ctx)
			out <- readAnswer{i.Revision, err}
		}()
	}
	synctest.Wait()
	return out
}

func (s *scriptedStream) answerRead(i int, rev int64) {
	s.answers <- &pb.ForwardResponse{Id: s.requests()[i].Id, Answer: &pb.ForwardResponse_ReadIndex{ReadIndex: &pb.ReadIndex{Revision: rev}}}
	synctest.Wait()
}

// A caller must never be answered by a question that was sent before it asked.
func TestReadIndexJoinsOnlyUnsentQuestions(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newScriptedStream(-1)
		c := newClient(&scriptedPeer{streams: []*scriptedStream{s}})
		defer c.Close()
		first := readIndex(t.Context(), c, 1) // its question is out
		late := readIndex(t.Context(), c, 3)
		if n := len(s.requests()); n != 1 {
			t.Fatalf("%d questions are out, want 1 at a time", n)
		}
		s.answerRead(0, 7)
		if a := <-first; a.err != nil || a.rev != 7 {
			t.Fatal(a)
		}
		select {
		case a := <-late:
			t.Fatalf("a question sent before the call answered it: %v", a)
		default:
		}
		s.answerRead(1, 9)
		for range 3 { // they share the second question
			if a := <-late; a.err != nil || a.rev != 9 {
				t.Fatal(a)
			}
		}
		if n := len(s.requests()); n != 2 {
			t.Fatalf("%d questions for four callers, want 2", n)
		}
	})
}

// A question without an answer ends; those behind it are asked.
func TestReadIndexWithoutAnswer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newScriptedStream(-1)
		c := newClient(&scriptedPeer{streams: []*scriptedStream{s}})
		defer c.Close()
		first := readIndex(t.Context(), c, 1)
		impatient, cancel := context.WithCancel(t.Context())
		gone := readIndex(impatient, c, 1)
		behind := readIndex(t.Context(), c, 1)
		cancel()
		if a := <-gone; !errors.Is(a.err, context.Canceled) {
			t.Fatal(a)
		}
		time.Sleep(questionTimeout)
		synctest.Wait()
		if a := <-first; !errors.Is(a.err, primary.ErrNotPrimary) {
			t.Fatal(a)
		}
		s.answerRead(0, 7) // too late: nobody may take it for the second question's
		s.answerRead(1, 9)
		if a := <-behind; a.err != nil || a.rev != 9 {
			t.Fatal(a)
		}
	})
}

func TestReadIndexEnds(t *testing.T) {
	for name, end := range map[string]func(*Client, *scriptedStream){
		"as the stream breaks": func(_ *Client, s *scriptedStream) { close(s.broken) },
		"by Close":             func(c *Client, _ *scriptedStream) { c.Close() },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newScriptedStream(-1)
				c := newClient(&scriptedPeer{streams: []*scriptedStream{s}})
				defer c.Close()
				first := readIndex(t.Context(), c, 1)
				end(c, s)
				if a := <-first; !errors.Is(a.err, primary.ErrNotPrimary) || errors.Is(a.err, primary.ErrUnknownOutcome) {
					t.Fatal(a)
				}
			})
		})
	}
}
