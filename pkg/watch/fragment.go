package watch

import (
	"math/bits"

	pb "go.etcd.io/etcd/api/v3/etcdserverpb"
)

// fragments splits r so that each part is below limit bytes, unless a single event
// is larger. All parts but the last say that more follows. r is returned as it is
// if it is small enough.
func fragments(r *pb.WatchResponse, limit int) []*pb.WatchResponse {
	if r.Size() < limit || len(r.Events) < 2 {
		return []*pb.WatchResponse{r}
	}
	part := func() *pb.WatchResponse {
		return &pb.WatchResponse{Header: r.Header, WatchId: r.WatchId, Fragment: true}
	}
	cur := part()
	empty := cur.Size()
	size := empty
	var out []*pb.WatchResponse
	for _, ev := range r.Events {
		n := ev.Size()
		n += 1 + varintLen(n) // tag and length prefix of the repeated field
		if len(cur.Events) > 0 && size+n >= limit {
			out = append(out, cur)
			cur, size = part(), empty
		}
		cur.Events = append(cur.Events, ev)
		size += n
	}
	cur.Fragment = false
	return append(out, cur)
}

func varintLen(n int) int { return (bits.Len(uint(n)|1) + 6) / 7 }
