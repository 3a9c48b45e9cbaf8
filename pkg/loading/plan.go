package loading

import "github.com/netsy-io/netsy/pkg/record"

// merge is the outcome of laying a piece of the object log over the local copy.
type merge struct {
	// truncate: the local records beyond keep differ from the log and must go.
	truncate bool
	keep     record.Revision
	// add: the log's records that the local copy lacks after that.
	add []record.Record
}

// plan compares chunk, records of the object log in order, with the local copy,
// whose last revision is tail and whose epoch at a revision is told by local.
// The log wins: the first local record whose epoch differs from the log's goes,
// and all after it. Records of equal (epoch, revision) are equal, and so is
// everything before them, so epochs are all that has to be compared.
func plan(chunk []record.Record, tail record.Revision, local func(record.Revision) (record.Epoch, bool, error)) (merge, error) {
	for i := range chunk {
		rev := chunk[i].Revision
		if rev > tail {
			return merge{add: chunk[i:]}, nil
		}
		epoch, ok, err := local(rev)
		if err != nil {
			return merge{}, err
		}
		if !ok || epoch != chunk[i].Epoch {
			first := i
			for first > 0 && chunk[first-1].Revision == rev { // never split a revision
				first--
			}
			return merge{truncate: true, keep: rev - 1, add: chunk[first:]}, nil
		}
	}
	return merge{}, nil
}
