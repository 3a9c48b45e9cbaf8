package netsyctl

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strconv"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/netsy-io/netsy/pkg/datafile"
	"github.com/netsy-io/netsy/pkg/etcdsnap"
	"github.com/netsy-io/netsy/pkg/objectstore"
	"github.com/netsy-io/netsy/pkg/record"
	"github.com/netsy-io/netsy/pkg/snapshot"
)

func importEtcdCommand() *cli.Command {
	return &cli.Command{
		Name:  "etcd",
		Usage: "begin a cluster with the contents of an etcd snapshot",
		Description: `Takes a file of etcdctl snapshot save, of etcd 3.5 or 3.6, and puts one Netsy snapshot made of it into the
bucket, which must be empty: a cluster started on it has every key with its revisions, version and
lease, and goes on counting revisions where etcd stopped. Stop what writes to etcd first: what is
written after the snapshot isn't in it. Doing it again is harmless.

  netsyctl import etcd --snapshot backup.db --config cluster.jsonc --dry-run
  netsyctl import etcd --snapshot backup.db --config cluster.jsonc`,
		Flags: []cli.Flag{
			clusterFileFlag(),
			&cli.StringFlag{Name: "snapshot", Required: true, Usage: "the file of etcdctl snapshot save"},
			&cli.BoolFlag{Name: "dry-run", Usage: "read and check everything, write nothing"},
			&cli.BoolFlag{Name: "skip-hash-check", Usage: "take a file without a hash: a stopped member's own member/snap/db"},
			&cli.StringFlag{Name: "temp-dir", Usage: "directory for a temporary file of the size of the result (default: the system's)"},
			outputFlag(),
		},
		Action: func(c *cli.Context) error {
			if err := noArgs(c); err != nil {
				return err
			}
			b, err := openBucket(c)
			if err != nil {
				return err
			}
			im := etcdImport{bucket: b, progress: &progress{w: c.App.ErrWriter}, now: time.Now(), dir: c.String("temp-dir"), dryRun: c.Bool("dry-run")}
			result, err := im.run(c.Context, c.String("snapshot"), c.Bool("skip-hash-check"))
			if err != nil {
				return err
			}
			return show(c, result, result.table)
		},
	}
}

// etcdImport is one import.
type etcdImport struct {
	*bucket
	*progress
	now    time.Time
	dir    string
	dryRun bool
}

// What became of an import.
const (
	imported        = "imported"
	alreadyImported = "already imported"
	dryRun          = "dry run: nothing was written"
)

type importResult struct {
	Result   string   `json:"result"`
	Store    string   `json:"store"`
	Key      string   `json:"key,omitempty"`  // of the snapshot
	Size     int64    `json:"size,omitempty"` // of the snapshot, in bytes
	Warnings []string `json:"warnings,omitempty"`
	etcdsnap.Summary
}

func (im *etcdImport) run(ctx context.Context, path string, skipHash bool) (result importResult, err error) {
	there, err := im.lonely(ctx)
	if err != nil {
		return result, err
	}
	im.step("checking %s", path)
	f, err := etcdsnap.Open(ctx, path, etcdsnap.OpenOptions{
		SkipHash: skipHash, Progress: func(n, of int64) { im.at("bytes", n, of) },
	})
	if err != nil {
		return result, fmt.Errorf("%s: %w", path, err)
	}
	defer f.Close()
	plan, err := f.Plan(ctx)
	if err != nil {
		return result, fmt.Errorf("%s: %w", path, err)
	}
	switch {
	case there != 0:
		result, err = im.compare(ctx, f, plan, there)
	case im.dryRun:
		result, err = im.convert(ctx, f, plan, func(*record.Record) error { return nil })
		result.Result = dryRun
	default:
		result, err = im.publish(ctx, f, plan)
	}
	if err != nil {
		return result, fmt.Errorf("%s: %w", path, err)
	}
	result.Store, result.Warnings = im.store.String(), warnings(&result.Summary)
	return result, nil
}

func (im *etcdImport) options() etcdsnap.Options {
	return etcdsnap.Options{Now: im.now, Progress: func(n, of int64) { im.at("entries", n, of) }}
}

// compare finds out whether the snapshot that is there is of this very file.
func (im *etcdImport) compare(ctx context.Context, f *etcdsnap.File, plan etcdsnap.Plan, there record.Revision) (result importResult, err error) {
	st := snapshot.New(im.store, snapshot.Options{})
	r, err := st.Open(ctx, there)
	if err != nil {
		return result, err
	}
	im.step("comparing with the snapshot that is there, at revision %d", there)
	if there == plan.Start {
		err = f.Same(ctx, plan, im.options(), r)
	} else {
		err = fmt.Errorf("%w: it ends at revision %d, not %d", etcdsnap.ErrDiffers, there, plan.Start)
	}
	if err := errors.Join(err, r.Close()); err != nil {
		return result, fmt.Errorf("%w (%w)", notEmpty(im.store, []string{"a snapshot at revision " + strconv.FormatInt(int64(there), 10)}), err)
	}
	result, err = im.convert(ctx, f, plan, func(*record.Record) error { return nil })
	result.Result = alreadyImported
	return result, err
}

func (im *etcdImport) convert(ctx context.Context, f *etcdsnap.File, plan etcdsnap.Plan, emit func(*record.Record) error) (importResult, error) {
	im.step("converting %d entries", plan.Entries)
	s, err := f.Convert(ctx, plan, im.options(), emit)
	return importResult{Summary: s}, err
}

func (im *etcdImport) publish(ctx context.Context, f *etcdsnap.File, plan etcdsnap.Plan) (result importResult, err error) {
	if err := objectstore.Probe(ctx, im.store); err != nil {
		return result, err
	}
	d, err := snapshot.NewDraft(im.dir)
	if err != nil {
		return result, err
	}
	defer func() { err = errors.Join(err, d.Close()) }()
	if result, err = im.convert(ctx, f, plan, d.Write); err != nil {
		return result, err
	}
	info, err := d.Finish(datafile.Header{LeaderID: etcdsnap.LeaderID, CreatedAt: im.now, Purged: plan.Purged})
	if err != nil {
		return result, err
	}
	if there, err := im.lonely(ctx); err != nil || there != 0 && there != info.Last.Revision { // converting took its time
		return result, errors.Join(fmt.Errorf("something else began to write into %s meanwhile: stop it, empty this place, and import again", im.store), err)
	}
	im.step("writing %s, %d bytes, and reading it back", info.Key, info.Size)
	st := snapshot.New(im.store, snapshot.Options{})
	created, err := st.Publish(ctx, d, func(p snapshot.Progress) { im.at("bytes ("+p.Phase+")", p.Bytes, p.OfBytes) })
	if err != nil {
		return result, err
	}
	if there, err := im.lonely(ctx); err != nil || there != info.Last.Revision || !created {
		return result, errors.Join(fmt.Errorf("something else began to write into %s meanwhile: stop it, empty this place, and import again", im.store), err)
	}
	result.Result, result.Key, result.Size = imported, info.Key, info.Size
	return result, nil
}

// warnings says what isn't as it was in etcd, beside what docs/migration.md says of all imports.
func warnings(s *etcdsnap.Summary) (w []string) {
	if s.Auth {
		w = append(w, "etcd's users and roles were in force: they aren't taken over; certificates decide who may call what")
	}
	if s.KeysWithoutLease > 0 {
		w = append(w, fmt.Sprintf("%d keys have a lease that etcd doesn't know any more: they are taken over without one and never expire", s.KeysWithoutLease))
	}
	if s.Gaps > 0 {
		w = append(w, fmt.Sprintf("the history has gaps (etcdutl snapshot restore --bump-revision makes them): it begins behind the last of them, at revision %d", s.Purged+1))
	}
	return w
}

func (r *importResult) table(w io.Writer) {
	row(w, r.Result+":", r.Store)
	for _, line := range []struct {
		what string
		n    int64
	}{
		{"keys", r.Keys},
		{"records", r.Records},
		{"leases with a new id", r.Leases},
		{"etcd's revision", int64(r.Revision)},
		{"etcd's compaction revision", int64(r.Compacted)},
		{"history is readable from revision", int64(r.Purged) + 1},
		{"the cluster starts at revision", int64(r.Start)},
	} {
		row(w, line.what+":", strconv.FormatInt(line.n, 10))
	}
	for _, text := range r.Warnings {
		row(w, "warning:", text)
	}
}
