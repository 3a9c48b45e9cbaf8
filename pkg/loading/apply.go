package loading

import (
	"context"

	"github.com/netsy-io/netsy/pkg/logevent"
	"github.com/netsy-io/netsy/pkg/objectlog"
	"github.com/netsy-io/netsy/pkg/record"
)

// apply lays a chunk over the local copy. The chunk is the log's for certain (see
// objectlog.Log.Read): what contradicts it was never committed.
func (l *loader) apply(ctx context.Context, c objectlog.Chunk) error {
	if c.Header.Epoch > l.Limit {
		return &HigherEpochError{Limit: l.Limit, Seen: c.Header.Epoch, Key: c.Info.Key}
	}
	st := l.Store
	m, err := plan(c.Records, st.Tail().Revision, func(rev record.Revision) (record.Epoch, bool, error) { return st.EpochAt(ctx, rev) })
	if err != nil {
		return err
	}
	if m.truncate {
		l.Logger.Warn("removing local records that the object log does not have", "event", logevent.LoadingTruncate,
			"after", m.keep, "local_tail", st.Tail().String(), "key", c.Info.Key)
		if err := st.TruncateAfter(ctx, m.keep); err != nil {
			return err
		}
	}
	if len(m.add) > 0 {
		if err := st.AppendLogged(ctx, m.add); err != nil {
			return err
		}
	}
	l.Metrics.records.Add(float64(len(m.add)))
	// Chunks end at whole revisions, so the local copy agrees up to here.
	st.SetLogged(c.Info.First, c.Info.Last)
	return nil
}
