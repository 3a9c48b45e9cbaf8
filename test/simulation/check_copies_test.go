package simulation

import (
	"bytes"

	"github.com/netsy-io/netsy/pkg/record"
)

// copies: every node's local copy is what the object log holds, as far as its clients
// can see; what compaction has removed may be missing, if a later record replaced it.
func (v *verdict) copies(cs []stored, tl *timeline) {
	for i := range cs {
		v.copy(&cs[i], tl)
	}
}

func (v *verdict) copy(c *stored, tl *timeline) {
	if c.Published > tl.end() {
		v.add("%s shows its clients revision %d, the log ends at %d", c.Node, c.Published, tl.end())
		return
	}
	have := map[int64]bool{}
	for i := range c.Records {
		r := &c.Records[i]
		rev := int64(r.Revision)
		have[rev] = true
		if l := tl.at(rev); rev <= c.Published && (l == nil || !same(l, r)) {
			v.add("%s has %+v at revision %d, where the log has %+v", c.Node, r, rev, l)
			return
		}
	}
	for rev := int64(1); rev <= c.Published; rev++ {
		if !have[rev] && !tl.replaced(rev, c.Compacted) {
			v.add("%s lacks revision %d; it shows %d and has compacted to %d", c.Node, rev, c.Published, c.Compacted)
			return
		}
	}
}

// replaced: compaction to rev compacted may have removed the record at rev.
func (tl *timeline) replaced(rev, compacted int64) bool {
	r := tl.at(rev)
	if rev > compacted {
		return false
	}
	if r.Deleted || r.Internal() {
		return true
	}
	return tl.state(string(r.Key), compacted).Mod != rev
}

// same: nothing that matters differs.
func same(a, b *record.Record) bool {
	return a.Pos() == b.Pos() && a.Sub == b.Sub && bytes.Equal(a.Key, b.Key) && bytes.Equal(a.Value, b.Value) && a.Created == b.Created && a.Deleted == b.Deleted &&
		a.CreateRevision == b.CreateRevision && a.PrevRevision == b.PrevRevision && a.Version == b.Version && a.Lease == b.Lease && a.LeaderID == b.LeaderID
}
