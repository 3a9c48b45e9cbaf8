package replication

import "github.com/netsy-io/netsy/pkg/record"

// isBehind says whether a copy that agrees with the Primary's up to agreed lacks records
// that compaction may have removed from it. Physical compaction reaches the revision
// before the compaction revision, and only what the object log has; above that,
// every record is there. When nothing is known of the log, it is taken to have all.
func isBehind(agreed, compaction, logged record.Revision, logKnown bool) bool {
	purgeable := compaction - 1
	if logKnown {
		purgeable = min(purgeable, logged)
	}
	return agreed < purgeable
}

// succession checks that records read from the store are all there: each revision
// follows the one before, and its records count from zero.
type succession struct {
	rev record.Revision
	sub int32
}

// next takes the next record, or says that something is missing before it.
func (s *succession) next(r *record.Record) bool {
	switch {
	case r.Revision == s.rev+1 && r.Sub == 0:
	case r.Revision == s.rev && r.Sub == s.sub+1:
	default:
		return false
	}
	s.rev, s.sub = r.Revision, r.Sub
	return true
}
