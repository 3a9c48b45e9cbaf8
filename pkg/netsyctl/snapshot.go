package netsyctl

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strconv"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/netsy-io/netsy/pkg/objectlog"
	"github.com/netsy-io/netsy/pkg/objectstore"
	"github.com/netsy-io/netsy/pkg/record"
	"github.com/netsy-io/netsy/pkg/snapshot"
)

func snapshotCommand() *cli.Command {
	return &cli.Command{
		Name:  "snapshot",
		Usage: "list, make and verify snapshots",
		Description: `A snapshot stands for the chain of chunks up to a revision; nodes start from the newest one. The
compactor makes them by itself.

  netsyctl snapshot list --config cluster.jsonc
  netsyctl snapshot create --config cluster.jsonc
  netsyctl snapshot verify --config cluster.jsonc --all`,
		Subcommands: []*cli.Command{snapshotListCommand(), snapshotCreateCommand(), snapshotVerifyCommand()},
	}
}

// shownSnapshot is one snapshot.
type shownSnapshot struct {
	Key      string          `json:"key"`
	Revision record.Revision `json:"revision"`
	Epoch    record.Epoch    `json:"epoch"`
	Purged   record.Revision `json:"purged_revision"`
	Records  int64           `json:"records"`
	Size     int64           `json:"size"`
	Written  time.Time       `json:"written_at"` // by the store's clock
	Problem  string          `json:"problem,omitempty"`
}

type shownSnapshots struct {
	Store     string          `json:"store"`
	Snapshots []shownSnapshot `json:"snapshots"`
	now       time.Time
}

func snapshotListCommand() *cli.Command {
	return &cli.Command{
		Name:  "list",
		Usage: "list the snapshots by what their headers say",
		Description: `Reads each snapshot's header, not the rest. Fails if a header is damaged, after having shown all.

  netsyctl snapshot list --config cluster.jsonc
  netsyctl snapshot list --config cluster.jsonc -o json`,
		Flags: append(sourceFlags(), outputFlag()),
		Action: func(c *cli.Context) error {
			if err := noArgs(c); err != nil {
				return err
			}
			st, _, err := openSource(c)
			if err != nil {
				return &unjudgedError{err}
			}
			list, err := listSnapshots(c.Context, st)
			if err != nil {
				return &unjudgedError{err}
			}
			return list.show(c)
		},
	}
}

func listSnapshots(ctx context.Context, st objectstore.Store) (*shownSnapshots, error) {
	snapshots := snapshot.New(st, snapshot.Options{})
	all, err := snapshots.List(ctx)
	if err != nil {
		return nil, err
	}
	out := &shownSnapshots{Store: st.String(), Snapshots: []shownSnapshot{}, now: time.Now()}
	for _, l := range all {
		s := shownSnapshot{Key: objectlog.SnapshotKey(l.Revision), Revision: l.Revision, Size: l.Size, Written: l.Modified}
		h, err := snapshots.Header(ctx, l.Revision)
		switch {
		case errors.Is(err, objectstore.ErrNotFound):
			continue // deleted since
		case errors.Is(err, objectstore.ErrUnavailable), errors.Is(err, objectstore.ErrPermanent), ctx.Err() != nil:
			return nil, err
		case err != nil:
			s.Problem = err.Error()
		default:
			s.Epoch, s.Purged, s.Records = h.Epoch, h.Purged, h.RecordsCount
		}
		out.Snapshots = append(out.Snapshots, s)
	}
	return out, nil
}

// show shows the list, and fails if there is a problem in it.
func (l *shownSnapshots) show(c *cli.Context) error {
	if err := show(c, l, l.table); err != nil {
		return err
	}
	bad := 0
	for _, s := range l.Snapshots {
		if s.Problem != "" {
			bad++
		}
	}
	if bad > 0 {
		return fmt.Errorf("%s: %s damaged; see netsyctl verify", l.Store, plural(bad, "snapshot"))
	}
	return nil
}

func (l *shownSnapshots) table(w io.Writer) {
	row(w, "REVISION", "EPOCH", "HISTORY FROM", "RECORDS", "BYTES", "AGE", "KEY")
	for _, s := range l.Snapshots {
		age := l.now.Sub(s.Written).Round(time.Second).String()
		if s.Problem != "" {
			row(w, strconv.FormatInt(int64(s.Revision), 10), "-", "-", "-", strconv.FormatInt(s.Size, 10), age, s.Problem)
			continue
		}
		row(w, strconv.FormatInt(int64(s.Revision), 10), strconv.FormatInt(int64(s.Epoch), 10), strconv.FormatInt(int64(s.Purged)+1, 10),
			strconv.FormatInt(s.Records, 10), strconv.FormatInt(s.Size, 10), age, s.Key)
	}
}

func snapshotCreateCommand() *cli.Command {
	return &cli.Command{
		Name:  "create",
		Usage: "make a snapshot of the log as it is now, whatever the thresholds say",
		Description: `Merges the newest sound snapshot and the chunks behind it, and puts the result beside it. It deletes
nothing, and is harmless beside a compactor. What nodes have acknowledged and not uploaded yet (with
a quorum: up to a minute's writes) isn't in it.

  netsyctl snapshot create --config cluster.jsonc`,
		Flags: []cli.Flag{clusterFileFlag(), outputFlag(), &cli.StringFlag{Name: "temp-dir", Usage: "directory for temporary files of the size of the data (default: the system's)"}},
		Action: func(c *cli.Context) error {
			if err := noArgs(c); err != nil {
				return err
			}
			b, err := openBucket(c)
			if err != nil {
				return err
			}
			m := &made{progress: &progress{w: c.App.ErrWriter}}
			if err := m.create(c.Context, b, c.String("temp-dir")); err != nil {
				return err
			}
			return show(c, m, m.table)
		},
	}
}

// made is what create did.
type made struct {
	*progress `json:"-"`
	Created   bool            `json:"created"` // false: it was there already
	Key       string          `json:"key"`
	Revision  record.Revision `json:"revision"`
	Epoch     record.Epoch    `json:"epoch"`
	Purged    record.Revision `json:"purged_revision"`
	Records   int64           `json:"records"`
	Size      int64           `json:"size"`
	Base      record.Revision `json:"base"`
}

// snapshotMaker is the header's leader id of what create makes.
const snapshotMaker = "netsyctl"

func (m *made) create(ctx context.Context, b *bucket, dir string) (err error) {
	cluster, err := b.readCluster(ctx)
	if err != nil {
		return err
	}
	st := snapshot.New(b.store, snapshot.Options{Dir: dir})
	base, _, _, err := st.NewestSound(ctx)
	if err != nil {
		return err
	}
	m.step("merging snapshot %d and what came after it", base.Revision)
	d, info, err := st.Merge(ctx, objectlog.New(b.store, objectlog.Options{}), snapshot.MergeOptions{
		Base: base.Revision, Compaction: cluster.CompactionRevision, LeaderID: snapshotMaker,
		Progress: func(p snapshot.Progress) { m.at("records ("+p.Phase+")", p.Records, p.OfRecords) },
	})
	switch {
	case errors.Is(err, snapshot.ErrBase):
		return fmt.Errorf("%w: netsyctl verify says what can be done", err)
	case err != nil:
		return err
	}
	defer func() { err = errors.Join(err, d.Close()) }()
	m.Base, m.Key, m.Revision, m.Epoch, m.Purged, m.Records, m.Size = base.Revision, info.Key, info.Last.Revision, info.Last.Epoch, info.Purged, info.Records, info.Size
	if info.Last.Revision == base.Revision {
		return nil // nothing was written since
	}
	m.step("writing %s, %d bytes, and reading it back", info.Key, info.Size)
	m.Created, err = st.Publish(ctx, d, func(p snapshot.Progress) { m.at("bytes ("+p.Phase+")", p.Bytes, p.OfBytes) })
	return err
}

func (m *made) table(w io.Writer) {
	what := "created"
	if !m.Created {
		what = "was there already"
	}
	row(w, "snapshot", m.Key+" "+what)
	row(w, "revision", fmt.Sprintf("%d of epoch %d", m.Revision, m.Epoch))
	row(w, "history from", fmt.Sprintf("revision %d", m.Purged+1))
	row(w, "contents", fmt.Sprintf("%d records, %d bytes", m.Records, m.Size))
}

func snapshotVerifyCommand() *cli.Command {
	return &cli.Command{
		Name:      "verify",
		Usage:     "read a snapshot to its end and check it",
		ArgsUsage: "[REVISION]",
		Description: `Checks that the file is whole and what its key says. Whether it is what the history leads to is what
netsyctl verify checks as well. Fails if one is damaged, after having shown all.

  netsyctl snapshot verify --config cluster.jsonc 4711
  netsyctl snapshot verify --config cluster.jsonc --all`,
		Flags: append(sourceFlags(), outputFlag(), &cli.BoolFlag{Name: "all", Usage: "every snapshot there is"}),
		Action: func(c *cli.Context) error {
			only, err := snapshotArg(c)
			if err != nil {
				return err
			}
			st, _, err := openSource(c)
			if err != nil {
				return &unjudgedError{err}
			}
			list, err := verifySnapshots(c.Context, st, only, &progress{w: c.App.ErrWriter})
			if err != nil {
				return &unjudgedError{err}
			}
			return list.show(c)
		},
	}
}

// snapshotArg is the revision of the one to be verified; 0: all.
func snapshotArg(c *cli.Context) (record.Revision, error) {
	if c.Bool("all") {
		return 0, noArgs(c)
	}
	arg, err := oneArg(c, "REVISION")
	if err != nil {
		return 0, fmt.Errorf("%w, or --all", err)
	}
	n, err := strconv.ParseInt(arg, 10, 64)
	if err != nil || n < 1 {
		return 0, wrongUse("REVISION must be the revision of a snapshot (got %q; see netsyctl snapshot list)", arg)
	}
	return record.Revision(n), nil
}

func verifySnapshots(ctx context.Context, st objectstore.Store, only record.Revision, p *progress) (*shownSnapshots, error) {
	list, err := listSnapshots(ctx, st)
	if err != nil {
		return nil, err
	}
	all := list.Snapshots
	list.Snapshots = []shownSnapshot{}
	snapshots := snapshot.New(st, snapshot.Options{})
	for _, s := range all {
		if only != 0 && s.Revision != only {
			continue
		}
		p.step("reading %s", s.Key)
		_, err := snapshots.Verify(ctx, s.Revision, func(at snapshot.Progress) { p.at("bytes", at.Bytes, at.OfBytes) })
		if errors.Is(err, objectstore.ErrUnavailable) || errors.Is(err, objectstore.ErrPermanent) || ctx.Err() != nil {
			return nil, err
		}
		if err != nil {
			s.Problem = err.Error()
		}
		list.Snapshots = append(list.Snapshots, s)
	}
	if only != 0 && len(list.Snapshots) == 0 {
		return nil, fmt.Errorf("%s: there is no snapshot at revision %d (see netsyctl snapshot list)", st, only)
	}
	return list, nil
}
