package watch

import (
	"slices"
	"testing"

	pb "go.etcd.io/etcd/api/v3/etcdserverpb"
	"go.etcd.io/etcd/api/v3/mvccpb"
	"pgregory.net/rapid"
)

func TestFragmentsAddUp(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		r := &pb.WatchResponse{Header: &pb.ResponseHeader{ClusterId: 1 << 60, Revision: 7}, WatchId: 300}
		for _, n := range rapid.SliceOf(rapid.IntRange(0, 300)).Draw(t, "sizes") {
			r.Events = append(r.Events, &mvccpb.Event{Kv: &mvccpb.KeyValue{Key: make([]byte, n)}})
		}
		limit := rapid.IntRange(1, 2000).Draw(t, "limit")
		parts := fragments(r, limit)
		var back []*mvccpb.Event
		for i, p := range parts {
			if p.Fragment != (i < len(parts)-1) {
				t.Fatalf("part %d of %d says fragment=%v", i, len(parts), p.Fragment)
			}
			if p.Size() >= limit && len(p.Events) > 1 {
				t.Fatalf("part of %d events has %d bytes, limit %d", len(p.Events), p.Size(), limit)
			}
			if p.Header != r.Header || p.WatchId != r.WatchId {
				t.Fatal("a part isn't labelled as the whole")
			}
			back = append(back, p.Events...)
		}
		if !slices.Equal(back, r.Events) {
			t.Fatal("the parts are not the whole")
		}
		if r.Size() < limit && len(parts) != 1 {
			t.Fatal("split without need")
		}
	})
}
