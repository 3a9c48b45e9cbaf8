package clusterview

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/netsy-io/netsy/pkg/bucket/buckettest"
	"github.com/netsy-io/netsy/pkg/netsypb/peerpb"
	"github.com/netsy-io/netsy/pkg/objectlog"
	"github.com/netsy-io/netsy/pkg/objectstore"
	"github.com/netsy-io/netsy/pkg/objectstore/fault"
	"github.com/netsy-io/netsy/pkg/registry"
)

func TestLookAtBucket(t *testing.T) {
	b := buckettest.Long(t)
	v, err := Look(t.Context(), b.Store, "demo", nil)
	if err != nil {
		t.Fatal(err)
	}
	if v.Asked || v.Epoch != 4 || v.ObjectLog.Revision != 17 || v.Snapshot.Revision != 12 || v.Elector.String() != "e" || v.Compactor != nil ||
		v.Unflushed != nil || len(v.Nodes) != 1 || !v.Nodes[0].Voter || v.Nodes[0].MemberID != 7 || len(v.Problems) != 0 || v.CompactionRevision != 10 {
		t.Errorf("%+v", v)
	}
	if _, err := Look(t.Context(), b.Store, "other", nil); err == nil {
		t.Error("another cluster's bucket is shown")
	}
	b.Remove("cluster.json")
	if _, err := Look(t.Context(), b.Store, "demo", nil); !errors.Is(err, registry.ErrNotFound) {
		t.Error(err)
	}
}

func TestLookMeasures(t *testing.T) {
	b := buckettest.Long(t)
	answer := func(tail, committed int64) func(context.Context, registry.Node) (*peerpb.NodeState, error) {
		return func(_ context.Context, n registry.Node) (*peerpb.NodeState, error) {
			return &peerpb.NodeState{NodeId: n.NodeID, Incarnation: n.Incarnation, Tail: &peerpb.Pos{Epoch: 4, Revision: tail}, CommittedRevision: committed}, nil
		}
	}
	for _, c := range []struct{ tail, committed, lag, unflushed int64 }{
		{20, 20, 0, 3}, {17, 17, 0, 0}, {22, 20, 0, 3}, {16, 15, 1, 0}, {18, 20, 2, 3},
	} {
		v, err := Look(t.Context(), b.Store, "demo", answer(c.tail, c.committed))
		if err != nil || v.Nodes[0].State.Lag != c.lag || *v.Unflushed != c.unflushed {
			t.Errorf("%+v: lag %d, unflushed %d, %v", c, v.Nodes[0].State.Lag, *v.Unflushed, err)
		}
	}
}

// A log that can't be read hides nothing else; one that moves meanwhile is read again.
func TestLookAtLog(t *testing.T) {
	b := buckettest.Long(t)
	freed := 1
	st := fault.New(b.Store, func(ctx context.Context, r *fault.Request, next fault.Next) (fault.Response, error) {
		if strings.HasPrefix(r.Key, "chunks/0000000000000000016") && freed > 0 {
			freed--
			return fault.Response{}, objectstore.Errorf(objectstore.ErrNotFound, "get", r.Key, "freed meanwhile")
		}
		return next(ctx, r)
	})
	v, err := Look(t.Context(), st, "demo", nil)
	if err != nil || v.ObjectLog == nil || v.ObjectLog.Revision != 17 || freed != 0 {
		t.Errorf("%v, %+v", err, v)
	}
	b.Put(objectlog.ChunkKey(16), []byte("x"))
	v, err = Look(t.Context(), b.Store, "demo", nil)
	if err != nil || v.ObjectLog != nil || v.ObjectLog.String() != "unknown" || len(v.Problems) != 1 || v.Snapshot == nil || v.Unflushed != nil {
		t.Errorf("%v, %+v", err, v)
	}
}

// What the Primary says of itself goes before what follows from how far it has come.
func TestLookAtUnflushed(t *testing.T) {
	b := buckettest.Long(t)
	v, err := Look(t.Context(), b.Store, "demo", func(_ context.Context, n registry.Node) (*peerpb.NodeState, error) {
		return &peerpb.NodeState{NodeId: n.NodeID, Incarnation: n.Incarnation, Tail: &peerpb.Pos{Epoch: 4, Revision: 25}, CommittedRevision: 20,
			Unflushed: &peerpb.Unflushed{Revisions: 7, Bytes: 700, OldestAgeNanos: 1500e6}}, nil
	})
	if err != nil || *v.Unflushed != 7 || *v.UnflushedBytes != 700 || *v.OldestUnflushedSeconds != 1.5 {
		t.Errorf("%v %+v", err, v)
	}
}
