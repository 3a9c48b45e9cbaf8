package node

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/hashicorp/go-hclog"

	"github.com/netsy-io/netsy/pkg/mvcc"
	pb "github.com/netsy-io/netsy/pkg/netsypb/peerpb"
	"github.com/netsy-io/netsy/pkg/objectlog"
	"github.com/netsy-io/netsy/pkg/objectstore"
	"github.com/netsy-io/netsy/pkg/primary"
)

func TestWhatAReignEndsFor(t *testing.T) {
	for _, c := range []struct {
		err                error
		storage, reachable bool
	}{
		{primary.ErrStorageAway, true, false},
		{objectstore.ErrUnavailable, true, false},
		{objectstore.ErrPermanent, true, false},
		{objectlog.ErrOutcomeUnknown, true, false},
		{&objectlog.ChainError{Kind: objectlog.ErrGap, Err: errors.New("x")}, true, true},
		{primary.ErrDeposed, false, true},
		{&primary.HigherEpochError{}, false, true},
		{fmt.Errorf("%w: %w", primary.ErrDeposed, objectstore.ErrUnavailable), false, false},
		{primary.ErrStopped, false, true},
		{objectlog.ErrSlotFreed, false, true},
		{&mvcc.PromisedError{}, false, true},
		{&mvcc.ServedError{}, false, true},
		{mvcc.ErrDisk, false, true},
		{mvcc.ErrPoisoned, false, true},
		{mvcc.ErrCorrupt, false, true},
	} {
		err := fmt.Errorf("wrapped: %w", c.err)
		if blamesStorage(err) != c.storage || unreachable(err) == c.reachable {
			t.Errorf("%v: blames storage: %v, unreachable: %v", err, blamesStorage(err), unreachable(err))
		}
	}
}

func TestTroubleAndItsMending(t *testing.T) {
	s := newState()
	defer s.close()
	is := func(h pb.Health, reason string, serves bool) {
		t.Helper()
		if health, why, _, _ := s.view(); health != h || why != reason || s.serves() != serves {
			t.Fatalf("%v %q, serves: %v", health, why, s.serves())
		}
	}
	is(pb.Health_HEALTH_LOADING, "starting", false)
	s.setHealth(pb.Health_HEALTH_HEALTHY, "")
	is(pb.Health_HEALTH_HEALTHY, "", true)

	s.degrade(trouble{storage, "bucket"})
	is(pb.Health_HEALTH_DEGRADED, "bucket", true)
	old := s.troubled()
	s.degrade(trouble{storage, "bucket again"})
	if s.mended(old) {
		t.Fatal("mended by a look at what was before")
	}
	is(pb.Health_HEALTH_DEGRADED, "bucket again", true)
	s.degrade(trouble{disk, "full"})
	s.degrade(trouble{storage, "bucket"})
	is(pb.Health_HEALTH_DEGRADED, "full", false)
	if !s.mended(s.troubled()) {
		t.Fatal("not mended")
	}
	is(pb.Health_HEALTH_HEALTHY, "", true)

	s.degrade(trouble{storage, "bucket"})
	last := s.troubled()
	s.stop()
	if s.mended(last) || s.troubled() != nil {
		t.Fatal("healthy while stopping")
	}
	s.degrade(trouble{storage, "bucket"})
	is(pb.Health_HEALTH_DEGRADED, "the node is stopping", false)
}

// TestTroubleGrows: what began as trouble with the disk turns out, while the node waits for its end, to be the
// end of the store.
func TestTroubleGrows(t *testing.T) {
	dir := t.TempDir()
	st, err := mvcc.Open(t.Context(), mvcc.Options{Dir: dir, ClusterID: "c", NodeID: "n"})
	if err != nil {
		t.Fatal(err)
	}
	n := &Node{mvcc: st, state: newState(), log: hclog.NewNullLogger(), failedCh: make(chan struct{})}
	defer n.state.close()
	n.state.setHealth(pb.Health_HEALTH_HEALTHY, "")
	n.state.degrade(trouble{disk, "unreadable"})
	db, err := sql.Open("sqlite3", filepath.Join(dir, "netsy.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if _, err := db.ExecContext(t.Context(), "UPDATE meta SET compact_revision = compact_revision + 1"); err != nil { // by another process
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	var mending sync.WaitGroup
	mending.Go(func() { _ = n.mendItself(ctx) })
	select {
	case <-n.failedCh:
	case <-ctx.Done():
		t.Error("it waits on")
	}
	cancel()
	mending.Wait()
	if err := n.closeStore(n.fatal()); !errors.Is(err, mvcc.ErrPoisoned) {
		t.Error(err)
	}
}

func TestWhatIsDamage(t *testing.T) {
	for _, c := range []struct {
		err  error
		want bool
	}{
		{nil, false},
		{mvcc.ErrDisk, false},
		{mvcc.ErrPoisoned, false},
		{mvcc.ErrCorrupt, true},
		{fmt.Errorf("node: %w", mvcc.ErrCorrupt), true},
		{errors.Join(mvcc.ErrCorrupt, mvcc.ErrDisk), false},
	} {
		if damaged(c.err) != c.want {
			t.Errorf("%v: %t", c.err, !c.want)
		}
	}
}
