package compactor

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/netsy-io/netsy/pkg/objectlog"
	"github.com/netsy-io/netsy/pkg/objectstore"
	"github.com/netsy-io/netsy/pkg/objectstore/fault"
	"github.com/netsy-io/netsy/pkg/objectstore/memstore"
	"github.com/netsy-io/netsy/pkg/record"
)

// paged makes listings come in small pages.
func paged(s objectstore.Store, size int) objectstore.Store {
	return fault.New(s, fault.If(fault.Ops("", "list"), fault.Hook(func(r *fault.Request) { r.Limit = size })))
}

// Every slot is met once, with the one listed behind it, however the listing is cut.
func TestSlotsExhaustively(t *testing.T) {
	all := []record.Revision{2, 3, 7, 8, 11}
	for n := range len(all) + 1 {
		mem := memstore.New(nil)
		for _, first := range all[:n] {
			if _, err := mem.Put(t.Context(), objectlog.ChunkKey(first), []byte("xy"), objectstore.IfAbsent()); err != nil {
				t.Fatal(err)
			}
		}
		for size := 1; size <= 4; size++ {
			b := bucket{paged(mem, size)}
			for upTo := record.Revision(0); upTo <= 12; upTo++ {
				var got, want []record.Revision // first and next, in turn
				if err := b.slots(t.Context(), upTo, func(page []slot) error {
					for _, s := range page {
						got = append(got, s.first, s.next)
					}
					return nil
				}); err != nil {
					t.Fatal(err)
				}
				for i, first := range all[:n] {
					next := record.Revision(0)
					if i+1 < n {
						next = all[i+1]
					}
					if first <= upTo {
						want = append(want, first, next)
					}
				}
				if !slices.Equal(got, want) {
					t.Fatalf("%v by %d up to %d: %v, expected %v", all[:n], size, upTo, got, want)
				}
				tail, err := b.tail(t.Context(), upTo)
				i, _ := slices.BinarySearch(all[:n], upTo+1)
				if err != nil || tail.chunks != n-i || tail.size != int64(2*(n-i)) || n > i && (tail.last.first != all[n-1] || tail.first.Key != objectlog.ChunkKey(all[i])) {
					t.Fatalf("%v by %d behind %d: %+v, %v", all[:n], size, upTo, tail, err)
				}
			}
		}
	}
}

// Each kind of answer to a step.
func TestFates(t *testing.T) {
	for _, action := range []Action{DeleteChunk, Tombstone, DeleteSnapshot} {
		for kind, want := range map[error]fate{
			objectstore.ErrPreconditionFailed: overtaken, objectstore.ErrNotFound: overtaken, objectstore.ErrUnknownOutcome: uncertain, objectstore.ErrPermanent: uncertain,
		} {
			b := bucket{fault.New(memstore.New(nil), fault.Fail(kind))}
			s := Step{Action: action, Key: objectlog.ChunkKey(1), Version: "v"}
			s.header.Kind = 2
			got, err := b.carryOut(t.Context(), s)
			if got != want || (err != nil) != errors.Is(kind, objectstore.ErrPermanent) {
				t.Errorf("%v: %v: %v, %v", action, kind, got, err)
			}
		}
	}
}

// A body that breaks off once looks like damage, and is none.
func TestFactsOfABrokenBody(t *testing.T) {
	w := build(t, "RW")
	s := slot{first: 2, info: objectstore.Info{Key: objectlog.ChunkKey(2)}}
	for times, damaged := range []bool{false, false, true} {
		short := fault.Times(times, fault.Ops("chunks/", "get"), func(ctx context.Context, r *fault.Request, next fault.Next) (fault.Response, error) {
			resp, err := next(ctx, r)
			if err == nil {
				resp.Object.Body = struct {
					*strings.Reader
					closer
				}{strings.NewReader("\x24\x08"), closer{}}
			}
			return resp, err
		})
		_, err := bucket{fault.New(w.mem, short)}.facts(t.Context(), s)
		if broken := (*damagedError)(nil); errors.As(err, &broken) != damaged || !damaged && err != nil {
			t.Errorf("broken off %d times: %v", times, err)
		}
	}
}

type closer struct{}

func (closer) Close() error { return nil }
