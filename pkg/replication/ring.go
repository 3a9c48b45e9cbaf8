package replication

import (
	"sort"

	"github.com/netsy-io/netsy/pkg/record"
)

// ring holds the newest batches, in order and without a gap. What the Primary hasn't
// stored yet is always there, and its own pipeline bounds that; the rest goes, oldest
// first, once no follower needs it or beyond the limit.
type ring struct {
	batches []*batch
	bytes   int
	limit   int
}

func (r *ring) add(b *batch) {
	r.batches, r.bytes = append(r.batches, b), r.bytes+b.size
}

// trim forgets what is stored and, of that, what all followers have or what is beyond the limit.
func (r *ring) trim(stored, received record.Revision) {
	n := 0
	for n < len(r.batches) && r.batches[n].last <= stored && (r.batches[n].last <= received || r.bytes > r.limit) {
		r.bytes -= r.batches[n].size
		r.batches[n] = nil // the array may live on for a while
		n++
	}
	r.batches = r.batches[n:]
}

// after returns consecutive batches, the first of which holds the revision after rev,
// up to about limit bytes; none if that revision isn't here any more.
func (r *ring) after(rev record.Revision, limit int) []*batch {
	i := sort.Search(len(r.batches), func(i int) bool { return r.batches[i].last > rev })
	if i == len(r.batches) || r.batches[i].first > rev+1 {
		return nil
	}
	end, size := i, 0
	for end < len(r.batches) && size < limit {
		size += r.batches[end].size
		end++
	}
	return append([]*batch(nil), r.batches[i:end]...)
}

// oldest is the first revision held; 0 if none is.
func (r *ring) oldest() record.Revision {
	if len(r.batches) == 0 {
		return 0
	}
	return r.batches[0].first
}
