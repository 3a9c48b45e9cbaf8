package origin

import (
	"github.com/netsy-io/netsy/pkg/datafile"
	"github.com/netsy-io/netsy/pkg/record"
)

// whole is the rule for the contents of bootstrap.netsy: a snapshot that leaves nothing
// out, so that it is the history itself and not only its outcome. It is told the header,
// then each record; datafile's own order has been checked before.
type whole struct {
	last record.Pos
	sub  int32
}

func (w *whole) header(h datafile.Header) error {
	switch {
	case h.Kind != datafile.Snapshot:
		return refuse(ErrKind, BootstrapKey, "it is a %v; use the snapshot of a cluster, or netsyctl import", h.Kind)
	case h.Purged != 0:
		return refuse(ErrGap, BootstrapKey, "its history is reduced up to revision %d; to begin with such a snapshot, put it alone into an empty prefix under its own name, as netsyctl restore does", h.Purged)
	case h.Epoch > maxEpoch:
		return refuse(ErrAbsurd, BootstrapKey, "its header says epoch %d, at most %d is possible; use another file", h.Epoch, maxEpoch)
	}
	return nil
}

func (w *whole) add(r *record.Record) error {
	next := r.Revision == w.last.Revision+1 && r.Sub == 0 || r.Revision == w.last.Revision && r.Sub == w.sub+1 && w.last.Revision > 0
	switch {
	case !next:
		return refuse(ErrGap, BootstrapKey, "%d/%d follows %d/%d; use a file that leaves nothing out", r.Revision, r.Sub, w.last.Revision, w.sub)
	case r.Revision == 1 && !r.Internal():
		return refuse(ErrFirst, BootstrapKey, "its key is %q; the history of a cluster begins with the start of a reign, so that its first write has revision 2", clip(r.Key))
	}
	w.last, w.sub = r.Pos(), r.Sub
	return nil
}

// clip keeps messages short: keys may be megabytes.
func clip(key []byte) []byte { return key[:min(len(key), 64)] }
