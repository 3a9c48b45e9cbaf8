package objectlog

import (
	"context"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/netsy-io/netsy/pkg/datafile"
	"github.com/netsy-io/netsy/pkg/objectstore"
	"github.com/netsy-io/netsy/pkg/objectstore/fault"
	"github.com/netsy-io/netsy/pkg/objectstore/memstore"
	"github.com/netsy-io/netsy/pkg/record"
)

var update = flag.Bool("update", false, "write the golden traces anew")

// TestTraces holds the requests that each operation makes against testdata/traces.txt:
// what an operation costs, and in which order it does things, shows in review.
func TestTraces(t *testing.T) {
	var got strings.Builder
	for _, c := range []struct {
		name   string
		setup  func(t *testing.T, s objectstore.Store)
		faults []fault.Fault
		do     func(ctx context.Context, l *Log) error
	}{
		{name: "append, the first of a reign", do: appendChunks(3, 1, 1)},
		{name: "append, three in a reign", do: appendChunks(3, 1, 3)},
		{name: "append, its reply lost", do: appendChunks(3, 1, 1), faults: []fault.Fault{fault.Once(fault.Puts(ChunkPrefix), fault.LostReply())}},
		{name: "append, refused by the echo of its own success", do: appendChunks(3, 1, 1), faults: []fault.Fault{fault.Once(fault.Puts(ChunkPrefix), fault.EchoedRetry())}},
		{name: "append, lost on its way", do: appendChunks(3, 1, 1), faults: []fault.Fault{fault.Once(fault.Puts(ChunkPrefix), fault.Fail(objectstore.ErrUnknownOutcome))}},
		{name: "append, unavailable twice", do: appendChunks(3, 1, 1), faults: []fault.Fault{fault.Times(2, fault.Puts(ChunkPrefix), fault.Fail(objectstore.ErrUnavailable))}},
		{name: "append, lost to another", setup: func(t *testing.T, s objectstore.Store) { plant(t, s, 4, run(4, 1, 1)) }, do: appendChunks(3, 1, 1)},
		{name: "append, to a freed slot", setup: func(t *testing.T, s objectstore.Store) { plantSnapshot(t, s, record.Pos{Epoch: 4, Revision: 7}) }, do: appendChunks(3, 5, 1)},
		{name: "seal: read to the end, win the next slot", setup: chunksOf3, do: func(ctx context.Context, l *Log) error {
			end, err := l.Read(ctx, 9, func(Chunk) error { return nil })
			if err != nil {
				return err
			}
			return appendChunks(2, end.Last.Revision+1, 1)(ctx, l)
		}},
		{name: "read an empty log", do: read(0)},
		{name: "read three chunks", setup: chunksOf3, do: read(0)},
		{name: "read from a boundary", setup: chunksOf3, do: read(3)},
		{name: "read from within a chunk", setup: chunksOf3, do: read(5)},
		{name: "read from the end", setup: chunksOf3, do: read(9)},
		{name: "read from far beyond the end", setup: chunksOf3, do: read(1_000_000)},
		{name: "read from a snapshot that is the end", setup: func(t *testing.T, s objectstore.Store) { plantSnapshot(t, s, record.Pos{Epoch: 1, Revision: 9}) }, do: read(9)},
		{name: "read into a gap below a snapshot", setup: func(t *testing.T, s objectstore.Store) {
			chunksOf3(t, s)
			plantSnapshot(t, s, record.Pos{Epoch: 1, Revision: 12})
		}, do: read(3)},
		{name: "holds", setup: chunksOf3, do: func(ctx context.Context, l *Log) error {
			_, err := l.Holds(ctx, 7, record.Pos{Epoch: 1, Revision: 9})
			return err
		}},
	} {
		synctest.Test(t, func(t *testing.T) { // for the clock, which headers show
			mem, trace := memstore.New(nil), &fault.Trace{}
			if c.setup != nil {
				c.setup(t, mem)
			}
			l := New(fault.New(mem, append([]fault.Fault{trace.Fault()}, c.faults...)...), Options{ReadAhead: 1}) // one download at a time
			l.newID = func() datafile.ChunkID { return "0123456789abcdef" }
			err := c.do(t.Context(), l)
			got.WriteString("# " + c.name + "\n" + trace.String())
			if err != nil {
				got.WriteString("=> " + err.Error() + "\n")
			}
			got.WriteString("\n")
		})
	}
	path := filepath.Join("testdata", "traces.txt")
	if *update {
		if err := os.WriteFile(path, []byte(got.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if got.String() != string(want) {
		t.Errorf("the requests have changed (-update writes them anew); now:\n%s", got.String())
	}
}

func chunksOf3(t *testing.T, s objectstore.Store) {
	for _, first := range []record.Revision{1, 4, 7} {
		plant(t, s, 1, run(1, first, 3))
	}
}

func appendChunks(epoch record.Epoch, next record.Revision, n int) func(context.Context, *Log) error {
	return func(ctx context.Context, l *Log) error {
		w := l.NewWriter(epoch, "node-a", next)
		for range n {
			if _, err := w.Append(ctx, run(epoch, w.Next(), 2)); err != nil {
				return err
			}
		}
		return nil
	}
}

func read(after record.Revision) func(context.Context, *Log) error {
	return func(ctx context.Context, l *Log) error {
		_, err := l.Read(ctx, after, func(Chunk) error { return nil })
		return err
	}
}
