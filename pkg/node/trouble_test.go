package node

import (
	"errors"
	"fmt"
	"testing"

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
