package etcddiff

import (
	"testing"

	pb "go.etcd.io/etcd/api/v3/etcdserverpb"
)

// TestSameAroundCompaction compacts at every revision of a history with each kind of
// change, tombstones too, and reads and watches from every one.
func TestSameAroundCompaction(t *testing.T) {
	history := []request{
		&pb.PutRequest{Key: []byte("a"), Value: []byte("1")},
		&pb.PutRequest{Key: []byte("a"), Value: []byte("2")},
		&pb.PutRequest{Key: []byte("b"), Value: []byte("1")},
		&pb.DeleteRangeRequest{Key: []byte("a")},
		&pb.PutRequest{Key: []byte("a"), Value: []byte("3")},
		&pb.DeleteRangeRequest{Key: []byte("b")},
		&pb.PutRequest{Key: []byte("c"), Value: []byte("1")},
	}
	const first = revOffset + 1 // of the history
	p := &pairs{t: t}
	defer p.discard()
	for at := int64(first); at < first+int64(len(history)); at++ {
		steps := append(append([]request{}, history...), &pb.CompactionRequest{Revision: at})
		for rev := int64(first - 1); rev <= first+int64(len(history)); rev++ {
			for _, key := range []string{"a", "b", "c"} {
				steps = append(steps, &pb.RangeRequest{Key: []byte(key), Revision: rev})
			}
			for _, prev := range []bool{false, true} {
				steps = append(steps, &pb.WatchCreateRequest{Key: []byte("a"), RangeEnd: []byte("d"), StartRevision: rev, PrevKv: prev})
			}
		}
		steps = append(steps, &pb.CompactionRequest{Revision: at}, &pb.CompactionRequest{Revision: at - 1}, &pb.CompactionRequest{Revision: first + 20})
		if err := p.run(t.Context(), steps); err != nil {
			t.Errorf("compacted at %d, where the history begins at %d: %v", at, first, err)
		}
	}
}
