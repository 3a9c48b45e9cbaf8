package check

import (
	"strconv"
	"strings"

	"github.com/netsy-io/netsy/pkg/objectlog"
	"github.com/netsy-io/netsy/pkg/record"
)

// reigns: epochs never go back, each is one node's and begins with its one seal.
func (v *verdict) reigns(chunks []objectlog.Chunk) {
	leader, uploader := map[record.Epoch]string{}, map[record.Epoch]string{}
	var last, lastHeader record.Epoch
	for _, c := range chunks {
		if l, ok := uploader[c.Header.Epoch]; ok && l != c.Header.LeaderID {
			v.add("two nodes wrote chunks in epoch %d: %s and %s", c.Header.Epoch, l, c.Header.LeaderID)
		}
		if c.Header.Epoch < lastHeader {
			v.add("a chunk of epoch %d follows one of epoch %d", c.Header.Epoch, lastHeader)
		}
		uploader[c.Header.Epoch], lastHeader = c.Header.LeaderID, c.Header.Epoch
		for _, r := range c.Records {
			_, begun := leader[r.Epoch]
			switch {
			case r.Epoch < last:
				v.add("revision %d is of epoch %d, after one of epoch %d", r.Revision, r.Epoch, last)
			case r.Epoch > c.Header.Epoch:
				v.add("revision %d of epoch %d was uploaded in epoch %d", r.Revision, r.Epoch, c.Header.Epoch)
			case r.Internal() && begun:
				v.add("epoch %d begins again at revision %d", r.Epoch, r.Revision)
			case !r.Internal() && !begun:
				v.add("epoch %d does not begin with its seal, but with revision %d, %s", r.Epoch, r.Revision, r.Key)
			case begun && leader[r.Epoch] != r.LeaderID:
				v.add("revision %d of epoch %d was assigned by %s, earlier ones by %s", r.Revision, r.Epoch, r.LeaderID, leader[r.Epoch])
			}
			leader[r.Epoch], last = r.LeaderID, r.Epoch
		}
	}
}

// chain: the object log has every revision once. It returns the clients' part.
func (v *verdict) chain(chunks []objectlog.Chunk, end int64) (events []Event) {
	var rev record.Revision
	var sub int32
	for _, c := range chunks {
		for i, r := range c.Records {
			next, more := r.Revision == rev+1 && r.Sub == 0, r.Revision == rev && r.Sub == sub+1 && i > 0
			if !next && !more {
				v.add("the object log has revision %d.%d after %d.%d", r.Revision, r.Sub, rev, sub)
			}
			rev, sub = r.Revision, r.Sub
			if !r.Internal() {
				events = append(events, EventOfRecord(&r))
			}
		}
	}
	if n := len(events); n == 0 || events[n-1].Rev != end {
		v.add("the object log does not end with revision %d, the last that was acknowledged", end)
	}
	return events
}

// versions: create revisions and versions are what etcd would have made them.
func (v *verdict) versions(log []Event) {
	live := map[string]Event{}
	for _, e := range log {
		old, ok := live[e.Key]
		switch {
		case e.Delete && !ok:
			v.add("revision %d deletes %s, which does not exist", e.Rev, e.Key)
		case e.Delete:
			delete(live, e.Key)
			continue
		case !ok && (e.Version != 1 || e.Create != e.Rev):
			v.add("%+v should be the first version of its key", e)
		case ok && (e.Version != old.Version+1 || e.Create != old.Create):
			v.add("%+v should follow %+v", e, old)
		}
		live[e.Key] = e
	}
}

// CounterValue reads a counter's value, "{number}:{anything}". It is -1 for what no
// increment has written.
func CounterValue(s string) int64 {
	digits, _, _ := strings.Cut(s, ":")
	n, err := strconv.ParseInt(digits, 10, 64)
	if err != nil {
		return -1
	}
	return n
}

// counter: each increment saw the one before.
func (v *verdict) counter(key string, log []Event) {
	want := int64(1)
	for _, e := range log {
		if e.Key != key {
			continue
		}
		if got := CounterValue(e.Value); got != want {
			v.add("revision %d makes the counter %s %d instead of %d", e.Rev, key, got, want)
		}
		want++
	}
}
