package netsyctl

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strconv"

	"github.com/urfave/cli/v2"
	"golang.org/x/sync/errgroup"

	"github.com/netsy-io/netsy/pkg/datafile"
	"github.com/netsy-io/netsy/pkg/etcdsnap"
	"github.com/netsy-io/netsy/pkg/objectlog"
	"github.com/netsy-io/netsy/pkg/record"
	"github.com/netsy-io/netsy/pkg/registry"
	"github.com/netsy-io/netsy/pkg/snapshot"
)

func exportEtcdCommand() *cli.Command {
	return &cli.Command{
		Name:  "etcd",
		Usage: "write a cluster's contents as an etcd snapshot",
		Description: `Writes a file for etcdutl snapshot restore, of etcd 3.5 or 3.6, from what is in the bucket. Keys, revisions,
versions and leases are kept, and etcd goes on counting revisions where Netsy stopped. Stop what
writes, then the nodes: what is acknowledged but not in the bucket yet gets there when a node stops.

  netsyctl export etcd --out backup.db --config cluster.jsonc
  netsyctl export etcd --out old.db --to-revision 4711 --config cluster.jsonc`,
		Flags: []cli.Flag{
			clusterFileFlag(),
			&cli.StringFlag{Name: "out", Required: true, Usage: "the file to write; it must not exist"},
			&cli.Int64Flag{Name: "to-revision", Usage: "the last revision to write (default: the newest)"},
			&cli.StringFlag{Name: "temp-dir", Usage: "directory for temporary files of the size of the data (default: the system's)"},
			outputFlag(),
		},
		Action: func(c *cli.Context) error {
			if err := noArgs(c); err != nil {
				return err
			}
			to := record.Revision(c.Int64("to-revision"))
			if to < 0 || c.IsSet("to-revision") && to == 0 {
				return wrongUse("--to-revision must be at least 1 (got %d)", to)
			}
			b, err := openBucket(c)
			if err != nil {
				return err
			}
			ex := etcdExport{bucket: b, progress: &progress{w: c.App.ErrWriter}, dir: c.String("temp-dir")}
			result, err := ex.run(c.Context, c.String("out"), to)
			if err != nil {
				return err
			}
			return show(c, result, result.table)
		},
	}
}

// etcdExport is one export.
type etcdExport struct {
	*bucket
	*progress
	dir string
}

type exportResult struct {
	File     string          `json:"file"`
	Store    string          `json:"store"`
	Base     record.Revision `json:"base"` // the snapshot that it was made from; 0 is none
	Warnings []string        `json:"warnings,omitempty"`
	etcdsnap.ExportSummary
}

func (ex *etcdExport) run(ctx context.Context, out string, to record.Revision) (result exportResult, err error) {
	cluster, err := ex.reg.Cluster(ctx)
	if err != nil && !errors.Is(err, registry.ErrNotFound) { // a cluster that was imported and never started has none
		return result, err
	}
	d, base, err := ex.merge(ctx, to, cluster.CompactionRevision)
	if err != nil {
		return result, err
	}
	defer func() { err = errors.Join(err, d.Close()) }()
	ex.step("writing %s", out)
	result = exportResult{File: out, Store: ex.store.String(), Base: base}
	if result.ExportSummary, err = ex.write(ctx, out, d); err != nil {
		return result, err
	}
	if to == 0 && cluster.Durability.Mode == registry.ModeQuorum {
		result.Warnings = append(result.Warnings, "the cluster acknowledges on a quorum of nodes: what reached them in the last minute may not be in the bucket, "+
			"and isn't in the file; if nodes are running, stop them all and export again")
	}
	if n := result.Unreadable; n > 0 {
		result.Warnings = append(result.Warnings, fmt.Sprintf("%d records have a lease id that isn't Netsy's: they are written without a lease", n))
	}
	return result, nil
}

// merge makes one snapshot of what is in the bucket, up to the revision to.
func (ex *etcdExport) merge(ctx context.Context, to, compaction record.Revision) (*snapshot.Draft, record.Revision, error) {
	st := snapshot.New(ex.store, snapshot.Options{Dir: ex.dir})
	base, err := ex.base(ctx, st, to)
	if err != nil {
		return nil, 0, err
	}
	ex.step("reading %s from snapshot %d on", ex.store, base)
	d, _, err := st.Merge(ctx, objectlog.New(ex.store, objectlog.Options{}), snapshot.MergeOptions{
		Base: base, To: to, Compaction: compaction, LeaderID: "export",
		Progress: func(p snapshot.Progress) { ex.at("records ("+p.Phase+")", p.Records, p.OfRecords) },
	})
	return d, base, err
}

// base is the newest sound snapshot; with a revision asked for, the newest that isn't
// reduced beyond it.
func (ex *etcdExport) base(ctx context.Context, st *snapshot.Store, to record.Revision) (record.Revision, error) {
	if to == 0 {
		found, _, _, err := st.NewestSound(ctx)
		return found.Revision, err
	}
	all, err := st.List(ctx)
	if err != nil {
		return 0, err
	}
	for i := len(all) - 1; i >= 0; i-- {
		h, err := st.Header(ctx, all[i].Revision)
		if err == nil && h.Purged < to {
			return all[i].Revision, nil
		}
		if err != nil && !errors.Is(err, datafile.ErrCorrupt) {
			return 0, err
		}
	}
	return 0, nil
}

// write passes the draft on as a stream of records.
func (ex *etcdExport) write(ctx context.Context, out string, d *snapshot.Draft) (s etcdsnap.ExportSummary, err error) {
	r, w := io.Pipe()
	var g errgroup.Group
	g.Go(func() error {
		_, err := d.WriteTo(w)
		return w.CloseWithError(err)
	})
	s, err = ex.read(ctx, out, r)
	r.CloseWithError(errors.Join(err, io.ErrClosedPipe)) // ends WriteTo, if it hasn't
	return s, errors.Join(err, g.Wait())
}

func (ex *etcdExport) read(ctx context.Context, out string, r io.Reader) (s etcdsnap.ExportSummary, err error) {
	src, err := datafile.NewReader(r)
	if err != nil {
		return s, err
	}
	defer src.Close()
	return etcdsnap.Export(ctx, out, src, etcdsnap.ExportOptions{Progress: func(n, of int64) { ex.at("records", n, of) }})
}

func (r *exportResult) table(w io.Writer) {
	row(w, "exported:", r.Store, "to", r.File)
	for _, line := range []struct {
		what string
		n    int64
	}{
		{"keys", r.Keys},
		{"entries", r.Entries},
		{"leases", r.Leases},
		{"bytes", r.Size},
		{"etcd's compaction revision", int64(r.Compacted)},
		{"etcd starts at revision", int64(r.ExportSummary.Revision)},
	} {
		row(w, line.what+":", strconv.FormatInt(line.n, 10))
	}
	for _, text := range r.Warnings {
		row(w, "warning:", text)
	}
}
