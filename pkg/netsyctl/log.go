package netsyctl

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strconv"

	"github.com/urfave/cli/v2"
	"golang.org/x/sync/errgroup"

	"github.com/netsy-io/netsy/pkg/datafile"
	"github.com/netsy-io/netsy/pkg/objectlog"
	"github.com/netsy-io/netsy/pkg/objectstore"
	"github.com/netsy-io/netsy/pkg/record"
	"github.com/netsy-io/netsy/pkg/registry"
)

const (
	defaultSlots = 50
	maxSlots     = 999 // with the one behind them they fit on a page of a listing
	headerReads  = 16  // at a time
)

func logCommand() *cli.Command {
	return &cli.Command{
		Name:  "log",
		Usage: "list the chain of chunks: slots, revisions, epochs, sizes, who wrote them, and gaps",
		Description: `Reads the headers only; a chunk as a whole where its end isn't settled by the slot behind it, as of
the last one. "freed" are slots that snapshots have taken the place of. Fails if there is a gap or
another fault in what is listed, after having shown all. netsyctl verify looks deeper.

  netsyctl log --config cluster.jsonc
  netsyctl log --config cluster.jsonc --from 4711 --limit 100
  netsyctl log --config cluster.jsonc --tail 10
  netsyctl log --dir /backup/bucket -o json`,
		Flags: append(sourceFlags(), outputFlag(),
			&cli.Int64Flag{Name: "from", Value: 1, Usage: "begin with the slots at or above this revision"},
			&cli.IntFlag{Name: "limit", Value: defaultSlots, Usage: fmt.Sprintf("how many objects at most, up to %d; the output says how to go on", maxSlots)},
			&cli.IntFlag{Name: "tail", Usage: fmt.Sprintf("instead: the last so many objects, up to %d; it lists the keys of all", maxSlots)}),
		Action: func(c *cli.Context) error {
			if err := noArgs(c); err != nil {
				return err
			}
			from, limit := record.Revision(c.Int64("from")), c.Int("limit")
			if from < 1 || limit < 1 || limit > maxSlots {
				return wrongUse("--from must be at least 1, --limit from 1 to %d (got %d and %d)", maxSlots, from, limit)
			}
			tail := c.Int("tail")
			if c.IsSet("tail") && (tail < 1 || tail > maxSlots || c.IsSet("from") || c.IsSet("limit")) {
				return wrongUse("--tail must be from 1 to %d (got %d), and is given without --from and --limit", maxSlots, tail)
			}
			st, id, err := openSource(c)
			if err != nil {
				return &unjudgedError{err}
			}
			if tail > 0 {
				if from, err = tailFrom(c.Context, st, tail); err != nil {
					return &unjudgedError{err}
				}
				limit = maxSlots // what was written meanwhile is shown too
			}
			l, err := readLog(c.Context, st, id, from, limit)
			if err != nil {
				return &unjudgedError{err}
			}
			return l.show(c)
		},
	}
}

// tailFrom is the revision that the last n chunks begin at.
func tailFrom(ctx context.Context, st objectstore.Store, n int) (record.Revision, error) {
	var last []record.Revision
	err := objectstore.ListAll(ctx, st, objectlog.ChunkPrefix, "", func(o objectstore.Info) error {
		if rev, err := objectlog.ParseChunkKey(o.Key); err == nil {
			if last = append(last, rev); len(last) > n {
				last = last[1:]
			}
		}
		return nil
	})
	if err != nil || len(last) == 0 {
		return 1, err
	}
	return last[0], nil
}

// shownLog is a part of the chain.
type shownLog struct {
	Store     string            `json:"store"`
	Snapshots []record.Revision `json:"snapshots"`
	Slots     []shownSlot       `json:"slots"`
	Next      record.Revision   `json:"next,omitempty"` // where the next page begins
}

func readLog(ctx context.Context, st objectstore.Store, clusterID string, from record.Revision, limit int) (*shownLog, error) {
	page, err := st.List(ctx, objectlog.ChunkPrefix, objectlog.ChunkKey(from-1), limit+1)
	if err != nil {
		return nil, err
	}
	slots, err := readSlots(ctx, st, page.Objects)
	if err != nil {
		return nil, err
	}
	// Snapshots after the chunks: those that are missing are in these.
	l := &shownLog{Store: st.String(), Snapshots: []record.Revision{}}
	err = objectstore.ListAll(ctx, st, objectlog.SnapshotPrefix, "", func(o objectstore.Info) error {
		if rev, err := objectlog.ParseSnapshotKey(o.Key); err == nil { // verify tells of other keys
			l.Snapshots = append(l.Snapshots, rev)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	freed, newest := freedUpTo(l.Snapshots, originOf(ctx, st, clusterID)), record.Revision(0)
	if n := len(l.Snapshots); n > 0 {
		newest = l.Snapshots[n-1]
	}
	if len(page.Objects) > limit { // the slot behind the page settles its last, and isn't shown
		l.Next, _ = objectlog.ParseChunkKey(page.Objects[limit].Key) // a foreign key comes last: it is shown, too
	}
	l.Slots = []shownSlot{}
	for _, s := range chainOf(slots, from, freed, newest) {
		if l.Next == 0 || s.First < l.Next {
			l.Slots = append(l.Slots, s)
		}
	}
	return l, nil
}

// freedUpTo is the revision up to which slots may have been freed: with two snapshots above
// them, or before the cluster's beginning. origin is negative if it isn't known: a lone
// snapshot is then taken for what the cluster began with.
func freedUpTo(snapshots []record.Revision, origin record.Revision) record.Revision {
	switch n := len(snapshots); {
	case n >= 2:
		return snapshots[n-2]
	case origin >= 0:
		return origin
	case n == 1:
		return snapshots[0]
	default:
		return 0
	}
}

// originOf is what cluster.json says that the history begins behind; -1 if it can't be asked.
// Of a directory it says itself which cluster's it is.
func originOf(ctx context.Context, st objectstore.Store, clusterID string) record.Revision {
	if clusterID == "" {
		var doc struct {
			ClusterID string `json:"cluster_id"`
		}
		b, _, err := objectstore.ReadAll(ctx, st, registry.ClusterKey, 1<<20)
		if err != nil || json.Unmarshal(b, &doc) != nil {
			return -1
		}
		clusterID = doc.ClusterID
	}
	c, err := registry.New(st, clusterID).Cluster(ctx)
	if err != nil {
		return -1 // netsyctl status tells what is wrong with it
	}
	return c.Origin
}

// readSlots reads the headers of what was listed, and the chunks whose ends only they can
// tell. What was deleted since is left out.
func readSlots(ctx context.Context, st objectstore.Store, listed []objectstore.Info) ([]shownSlot, error) {
	all := make([]*shownSlot, len(listed))
	err := eachOf(ctx, len(listed), func(ctx context.Context, i int) (err error) {
		all[i], err = readSlot(ctx, st, listed[i])
		return err
	})
	if err != nil {
		return nil, err
	}
	var slots []shownSlot
	for _, s := range all {
		if s != nil {
			slots = append(slots, *s)
		}
	}
	err = eachOf(ctx, len(slots), func(ctx context.Context, i int) error {
		if s := &slots[i]; s.Kind != slotChunk || i+1 < len(slots) && settled(s, slots[i+1].First) {
			return nil
		}
		return slots[i].readEnd(ctx, st)
	})
	return slots, err
}

func eachOf(ctx context.Context, n int, fn func(context.Context, int) error) error {
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(headerReads)
	for i := range n {
		g.Go(func() error { return fn(ctx, i) })
	}
	return g.Wait()
}

func readSlot(ctx context.Context, st objectstore.Store, o objectstore.Info) (*shownSlot, error) {
	s := &shownSlot{Kind: slotForeign, Key: o.Key, Size: o.Size}
	rev, err := objectlog.ParseChunkKey(o.Key)
	if err != nil {
		s.Problem = "not a name of Netsy's: move it away from " + objectlog.ChunkPrefix
		return s, nil
	}
	s.First = rev
	h, err := objectlog.ReadHeader(ctx, st, o.Key)
	switch {
	case errors.Is(err, objectstore.ErrNotFound):
		return nil, nil
	case isTrouble(ctx, err):
		return nil, err
	case err != nil:
		s.Kind, s.Problem = slotDamaged, err.Error()
		return s, nil
	case h.Kind != datafile.Chunk:
		s.Kind, s.Problem = slotDamaged, fmt.Sprintf("a %v where a chunk belongs", h.Kind)
		return s, nil
	}
	s.Kind, s.Records, s.Epoch, s.Leader, s.ChunkID = slotChunk, h.RecordsCount, h.Epoch, h.LeaderID, h.ChunkID.String()
	if h.Tombstone() {
		s.Kind = slotTombstone
	}
	if !h.CreatedAt.IsZero() {
		s.Created = &h.CreatedAt
	}
	return s, nil
}

// readEnd reads a chunk to know its last revision.
func (s *shownSlot) readEnd(ctx context.Context, st objectstore.Store) error {
	b, _, err := objectstore.ReadAll(ctx, st, s.Key, datafile.MaxChunkSize*2)
	switch {
	case errors.Is(err, objectstore.ErrNotFound):
		return nil // freed since; its end stays unknown
	case err != nil:
		return err
	}
	switch _, recs, err := datafile.DecodeChunk(b); {
	case err != nil:
		s.Kind, s.Problem = slotDamaged, err.Error()
	case len(recs) == 0:
		s.Kind = slotTombstone // became one since
	case recs[0].Revision != s.First:
		s.Kind, s.Problem = slotDamaged, fmt.Sprintf("its first revision is %d", recs[0].Revision)
	default:
		s.Last = recs[len(recs)-1].Revision
	}
	return nil
}

// isTrouble tells what keeps one from reading from what was read and is damaged.
func isTrouble(ctx context.Context, err error) bool {
	return errors.Is(err, objectstore.ErrUnavailable) || errors.Is(err, objectstore.ErrPermanent) || ctx.Err() != nil
}

// show shows it, and fails if something is wrong in it.
func (l *shownLog) show(c *cli.Context) error {
	if err := show(c, l, l.table); err != nil {
		return err
	}
	bad := 0
	for i := range l.Slots {
		if l.Slots[i].Problem != "" {
			bad++
		}
	}
	if bad > 0 {
		return fmt.Errorf("%s: %s in the chain; see netsyctl verify", l.Store, plural(bad, "fault"))
	}
	return nil
}

func (l *shownLog) table(w io.Writer) {
	row(w, "FIRST", "LAST", "KIND", "RECORDS", "BYTES", "EPOCH", "LEADER", "WRITTEN", "NOTE")
	for i := range l.Slots {
		l.Slots[i].row(w)
	}
	if l.Next > 0 {
		row(w)
		row(w, fmt.Sprintf("more: --from %d", l.Next))
	}
}

func (s *shownSlot) row(w io.Writer) {
	last, created, note := "?", "-", s.Problem
	if s.Last != 0 {
		last = strconv.FormatInt(int64(s.Last), 10)
	}
	if s.Created != nil {
		created = showTime(*s.Created)
	}
	if note != "" && s.Key != "" {
		note = s.Key + ": " + note
	}
	first := strconv.FormatInt(int64(s.First), 10)
	switch s.Kind {
	case slotFreed, slotGap:
		row(w, first, last, s.Kind, "-", "-", "-", "-", "-", orDash(note))
	default:
		row(w, first, last, s.Kind, strconv.FormatInt(s.Records, 10), strconv.FormatInt(s.Size, 10), strconv.FormatInt(int64(s.Epoch), 10), orDash(s.Leader), created, orDash(note))
	}
}
