package origin

import (
	"bytes"
	"context"
	"errors"
	"io"
	"math/rand/v2"
	"testing"
	"testing/iotest"

	"github.com/netsy-io/netsy/pkg/objectstore"
	"github.com/netsy-io/netsy/pkg/objectstore/fault"
)

// cutter ends bodies early, now and then with an error.
func cutter(rng *rand.Rand, share float64) fault.Fault {
	return func(ctx context.Context, r *fault.Request, next fault.Next) (fault.Response, error) {
		resp, err := next(ctx, r)
		if err == nil && r.Op == "get" && rng.Float64() < share {
			body := io.LimitReader(resp.Object.Body, rng.Int64N(1000))
			if rng.IntN(2) == 0 {
				body = io.MultiReader(body, iotest.ErrReader(errors.New("connection reset")))
			}
			resp.Object.Body = io.NopCloser(body)
		}
		return resp, err
	}
}

func TestSourceGoesOn(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world) {
		rng := rand.New(rand.NewPCG(1, 2))
		body := make([]byte, 20_000)
		for i := range body {
			body[i] = byte(rng.Uint32())
		}
		w.put("k", body)
		info, err := w.inner.Stat(t.Context(), "k")
		if err != nil {
			t.Fatal(err)
		}
		st := fault.New(w.store, cutter(rng, 0.9), fault.Randomly(rng, 0.2, fault.Fail(objectstore.ErrUnavailable)))
		complete := 0
		for range 20 {
			s := open(t.Context(), st, info)
			got, err := io.ReadAll(s)
			switch {
			case err == nil && bytes.Equal(got, body):
				complete++
			case !errors.Is(err, objectstore.ErrUnavailable) || s.failed != err || !bytes.HasPrefix(body, got):
				t.Errorf("%d bytes, right as far as they go: %v, %v", len(got), bytes.HasPrefix(body, got), err)
			}
			s.Close()
		}
		if complete < 10 {
			t.Errorf("%d of 20 were read whole", complete)
		}
	})
}

func TestSourceIsAReadSeeker(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world) {
		body := bytes.Repeat([]byte("0123456789"), 500)
		w.put("k", body)
		info, err := w.inner.Stat(t.Context(), "k")
		if err != nil {
			t.Fatal(err)
		}
		if err := iotest.TestReader(open(t.Context(), w.store, info), body); err != nil {
			t.Error(err)
		}
	})
}

// Broken streams cost a cluster that begins time, and nothing else.
func TestSettleOnABadConnection(t *testing.T) {
	for from, holds := range beginnings(t) {
		for seed := range uint64(30) {
			inBubble(t, func(t *testing.T, w *world) {
				for k, b := range holds {
					w.put(k, b)
				}
				rng := rand.New(rand.NewPCG(seed, 3))
				s := w.settler(cutter(rng, 0.3), fault.Randomly(rng, 0.1, fault.Fail(objectstore.ErrUnavailable)), fault.Randomly(rng, 0.05, fault.LostReply()))
				c, err := again(t.Context(), s)
				if err != nil || (c.Origin != 0) != (len(holds) > 0) {
					t.Errorf("%s, seed %d: %+v, %v", from, seed, c, err)
				}
				w.settled(c, holds[key(last)], holds[BootstrapKey])
			})
		}
	}
}
