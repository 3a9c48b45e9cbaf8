package watch

import (
	"context"
	"fmt"
	"sync"
	"testing"

	"github.com/netsy-io/netsy/pkg/record"
	pb "go.etcd.io/etcd/api/v3/etcdserverpb"
	"go.etcd.io/etcd/api/v3/mvccpb"
)

// BenchmarkPublish is one batch of 64 writers' events, with watches on other ranges
// around and one reader on each stream.
func BenchmarkPublish(b *testing.B) {
	for _, watches := range []int{1, 100, 2000} {
		b.Run(fmt.Sprintf("watches=%d", watches), func(b *testing.B) { benchPublish(b, watches) })
	}
}

func benchPublish(b *testing.B, watches int) {
	s := newStore()
	s.write()
	h := NewHub(s, 1, Options{})
	var wg sync.WaitGroup
	for i := range watches {
		st := h.NewStream()
		prefix := fmt.Sprintf("/registry/r%04d", i)
		if err := st.Create(context.Background(), &pb.WatchCreateRequest{Key: []byte(prefix + "/"), RangeEnd: []byte(prefix + "0"), PrevKv: true}); err != nil {
			b.Fatal(err)
		}
		wg.Go(func() {
			defer st.Close()
			for {
				if _, err := st.Recv(context.Background()); err != nil {
					return
				}
			}
		})
	}
	value := make([]byte, 1024)
	rev := record.Revision(1)
	for b.Loop() {
		var evs []*mvccpb.Event
		for i := range 64 {
			rev++
			key := fmt.Appendf(nil, "/registry/r%04d/x", (int(rev)*7+i)%watches)
			evs = append(evs, &mvccpb.Event{Kv: &mvccpb.KeyValue{Key: key, Value: value, CreateRevision: int64(rev), ModRevision: int64(rev)}})
		}
		h.Publish(rev, evs)
	}
	h.Close(nil)
	wg.Wait()
}
