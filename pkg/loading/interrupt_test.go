package loading

import (
	"bytes"
	"context"
	"sync/atomic"
	"testing"
	"time"

	"github.com/netsy-io/netsy/pkg/datafile"
	"github.com/netsy-io/netsy/pkg/objectlog"
	"github.com/netsy-io/netsy/pkg/objectstore"
	"github.com/netsy-io/netsy/pkg/snapshot"
)

// countdown ends at the n-th look at it, wherever that is.
type countdown struct {
	context.Context
	end  func()
	left atomic.Int64
}

func (c *countdown) Err() error {
	if c.left.Add(-1) == 0 {
		c.end()
	}
	return c.Context.Err()
}

// TestInterruptedAnywhere: a load that is cut short at whichever look at its context, also
// while it is being committed, is no obstacle to the next.
func TestInterruptedAnywhere(t *testing.T) {
	cut := 0
	for n := int64(1); ; n++ {
		w := newWorld(t)
		w.write(1, 10, 10)
		w.snapshot(20, 15)
		ctx, cancel := context.WithCancel(t.Context())
		c := &countdown{Context: ctx, end: cancel}
		c.left.Store(n)
		_, err := CatchUp(c, w.config())
		cancel()
		w.catchUp()
		if c.left.Load() > 0 {
			break // it was through before
		}
		if err != nil {
			cut++
		}
	}
	if cut < 5 {
		t.Errorf("only %d attempts were cut short", cut)
	}
}

// TestSnapshotThatIsNoState: one whose checksums are right, and which isn't what it says, is
// passed over like a damaged one.
func TestSnapshotThatIsNoState(t *testing.T) {
	w := newWorld(t)
	w.write(1, 10, 10)
	w.snapshot(10, 5)
	d, err := snapshot.NewDraft(t.TempDir())
	w.must(err)
	defer d.Close()
	for i := range w.puts {
		w.must(d.Write(&w.puts[i])) // not reduced, although it says so
	}
	_, err = d.Finish(datafile.Header{CreatedAt: time.Now(), Purged: 15})
	w.must(err)
	var b bytes.Buffer
	_, err = d.WriteTo(&b)
	w.must(err)
	_, err = w.bucket.Put(t.Context(), objectlog.SnapshotKey(20), b.Bytes(), objectstore.IfAbsent())
	w.must(err)
	cfg := w.catchUp()
	if count(t, cfg, snapshotsDamaged) != 1 || w.local.Purged() != 5 {
		t.Errorf("%d damaged, reduced up to %d", count(t, cfg, snapshotsDamaged), w.local.Purged())
	}
}
