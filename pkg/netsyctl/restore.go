package netsyctl

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/netsy-io/netsy/pkg/objectstore"
	"github.com/netsy-io/netsy/pkg/objectstore/open"
	"github.com/netsy-io/netsy/pkg/record"
	"github.com/netsy-io/netsy/pkg/restore"
	"github.com/netsy-io/netsy/pkg/snapshot"
)

func restoreCommand() *cli.Command {
	return &cli.Command{
		Name:  "restore",
		Usage: "begin a new cluster with a cluster's history up to a revision or a time",
		Description: `Makes one snapshot of the history in a bucket, up to a revision or a time, and puts it into another
bucket or prefix, which must be empty: a cluster that is started there begins with exactly that state,
and with the history before it that was still there. The source is only read; its cluster may run.
Both buckets' clusters must not serve the same clients: stop one first.

A time is that of the records' own stamps, by the clocks of the Primaries: what is restored ends
before the first record that is stamped later. Look with --dry-run at what that comes to.

What the compactor has freed can't be reached; the message names the nearest points that can be.

  netsyctl restore --config cluster.jsonc --to-time 2026-03-01T12:00:00Z --dry-run
  netsyctl restore --config cluster.jsonc --to-revision 4711 --into-config restored.jsonc
  netsyctl restore --dir /backup/bucket --to-revision 4711 --into-dir /srv/restored
  netsyctl restore --config cluster.jsonc --to-revision 4711 --into-file state.netsy`,
		Flags: append(sourceFlags(),
			&cli.Int64Flag{Name: "to-revision", Usage: "the last revision to keep"},
			&cli.StringFlag{Name: "to-time", Usage: "keep what is stamped at or before it (RFC 3339, as 2026-03-01T12:00:00Z)"},
			&cli.StringFlag{Name: "into-config", Usage: "the cluster file of the new cluster, whose bucket or key prefix is empty"},
			&cli.StringFlag{Name: "into-dir", Usage: "an empty or new directory, to be a bucket"},
			&cli.StringFlag{Name: "into-file", Usage: "a new file for the snapshot alone"},
			&cli.BoolFlag{Name: "dry-run", Usage: "read and prove everything, write nothing"},
			&cli.StringFlag{Name: "temp-dir", Usage: "directory for a temporary file of the size of the result (default: the system's)"},
			outputFlag()),
		Action: runRestore,
	}
}

// restoring is one restore.
type restoring struct {
	*progress
	source objectstore.Store
	target restore.Target
	dir    string
	into   place
}

// place is where the snapshot goes: into a bucket, into a file, or nowhere.
type place struct {
	bucket *bucket
	file   string
}

type restoreResult struct {
	Result   string          `json:"result"`
	Source   string          `json:"source"`
	Into     string          `json:"into,omitempty"`
	Key      string          `json:"key,omitempty"` // of the snapshot; of a file: that it would have in a bucket
	Revision record.Revision `json:"revision"`
	Epoch    record.Epoch    `json:"epoch"`
	Time     time.Time       `json:"time"`           // of the last record
	Next     *restore.Point  `json:"next,omitempty"` // the first record that is left out
	Purged   record.Revision `json:"purged_revision"`
	Records  int64           `json:"records"`
	Size     int64           `json:"size"`
	Base     record.Revision `json:"base"` // the snapshot that it was made from; 0 is none
	Chunks   int             `json:"chunks_read"`

	file bool // it went into a file
}

func runRestore(c *cli.Context) error {
	if err := noArgs(c); err != nil {
		return err
	}
	r := restoring{progress: &progress{w: c.App.ErrWriter}, dir: c.String("temp-dir")}
	var err error
	if r.target, err = restoreTarget(c); err != nil {
		return err
	}
	if r.into, err = restoreInto(c); err != nil {
		return err
	}
	if r.source, _, err = openSource(c); err != nil {
		return err
	}
	result, err := r.run(c.Context)
	if err != nil {
		return err
	}
	return show(c, result, result.table)
}

func restoreTarget(c *cli.Context) (t restore.Target, err error) {
	if c.IsSet("to-revision") == c.IsSet("to-time") {
		return t, wrongUse("up to where? give --to-revision or --to-time (see %s --help)", c.Command.HelpName)
	}
	if c.IsSet("to-revision") {
		if t.Revision = record.Revision(c.Int64("to-revision")); t.Revision < 1 {
			return t, wrongUse("--to-revision must be at least 1 (got %d)", t.Revision)
		}
		return t, nil
	}
	if t.Time, err = time.Parse(time.RFC3339Nano, c.String("to-time")); err != nil {
		return t, wrongUse("--to-time must be like 2026-03-01T12:00:00Z or 2026-03-01T12:00:00+01:00: %w", err)
	}
	return t, nil
}

// restoreInto opens the place that the flags name.
func restoreInto(c *cli.Context) (p place, err error) {
	n := 0
	for _, name := range []string{"into-config", "into-dir", "into-file"} {
		if c.String(name) != "" {
			n++
		}
	}
	switch dry := c.Bool("dry-run"); {
	case n > 1:
		return p, wrongUse("give one of --into-config, --into-dir and --into-file")
	case n == 0 && !dry:
		return p, wrongUse("where to? give --into-config, --into-dir or --into-file, or --dry-run to look only")
	}
	switch {
	case c.String("into-file") != "":
		p.file = c.String("into-file")
		if _, err := os.Lstat(p.file); err == nil {
			return p, fmt.Errorf("%s is there already: name a new file", p.file)
		} else if !errors.Is(err, fs.ErrNotExist) {
			return p, err
		}
	case c.String("into-dir") != "":
		if _, err := os.Lstat(c.String("into-dir")); c.Bool("dry-run") && errors.Is(err, fs.ErrNotExist) {
			return p, nil // opening it would make it
		}
		st, err := open.Open(c.Context, open.Config{Provider: open.ProviderFile, Bucket: c.String("into-dir")})
		if err != nil {
			return p, err
		}
		p.bucket = &bucket{store: st}
	case c.String("into-config") != "":
		st, id, err := openFile(c.Context, c.String("into-config"))
		if err != nil {
			return p, err
		}
		p.bucket = &bucket{clusterID: id, store: st}
	}
	if c.Bool("dry-run") { // the place is looked at, and that is all
		return place{}, p.empty(c.Context)
	}
	return p, nil
}

// empty refuses a bucket in which there is something.
func (p place) empty(ctx context.Context) error {
	if p.bucket == nil {
		return nil
	}
	rev, err := p.bucket.lonely(ctx)
	if err == nil && rev != 0 {
		err = notEmpty(p.bucket.store, []string{fmt.Sprintf("a snapshot at revision %d", rev)})
	}
	return err
}

func (r *restoring) run(ctx context.Context) (result restoreResult, err error) {
	if err := r.into.empty(ctx); err != nil {
		return result, err
	}
	r.step("reading %s", r.source)
	d, made, err := restore.Make(ctx, restore.Options{Source: r.source, Target: r.target, Dir: r.dir, Progress: func(p restore.Progress) { r.at("records, from "+p.From, p.Records, 0) }})
	if err != nil {
		return result, err
	}
	defer func() { err = errors.Join(err, d.Close()) }()
	result = restoreResult{Result: dryRun, Source: r.source.String(), Revision: made.Last.Revision, Epoch: made.Last.Epoch, Time: made.At.Time, Next: made.Next,
		file: r.into.file != "", Purged: made.Purged, Records: made.Records, Size: made.Size, Base: made.Base, Chunks: made.Chunks}
	switch {
	case r.into.file != "":
		r.step("writing %s, %d bytes", r.into.file, made.Size)
		result.Result, result.Into, result.Key = "restored", r.into.file, made.Key
		err = writeNew(r.into.file, d)
	case r.into.bucket != nil:
		result.Result, result.Into, result.Key = "restored", r.into.bucket.store.String(), made.Key
		err = r.publish(ctx, d, made.Info)
	}
	return result, err
}

func (r *restoring) publish(ctx context.Context, d *snapshot.Draft, info snapshot.Info) error {
	into := r.into.bucket
	if err := into.probe(ctx); err != nil {
		return err
	}
	if err := r.into.empty(ctx); err != nil { // reading took its time
		return err
	}
	r.step("writing %s into %s, %d bytes, and reading it back", info.Key, into.store, info.Size)
	_, err := snapshot.New(into.store, snapshot.Options{}).Publish(ctx, d, func(p snapshot.Progress) { r.at("bytes ("+p.Phase+")", p.Bytes, p.OfBytes) })
	if err != nil {
		return err
	}
	if there, err := into.lonely(ctx); err != nil || there != info.Last.Revision {
		return errors.Join(fmt.Errorf("something else began to write into %s meanwhile: stop it, empty this place, and restore again", into.store), err)
	}
	return nil
}

// probe proves that the bucket can hold a cluster.
func (b *bucket) probe(ctx context.Context) error { return objectstore.Probe(ctx, b.store) }

// writeNew writes the draft to a new file, whole or not at all.
func writeNew(path string, d *snapshot.Draft) (err error) {
	f, err := os.CreateTemp(filepath.Dir(path), filepath.Base(path)+".*")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, ignoreMissing(os.Remove(f.Name()))) }()
	_, err = d.WriteTo(f)
	if err == nil {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err != nil {
		return err
	}
	return os.Link(f.Name(), path) // fails if somebody was faster
}

func ignoreMissing(err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}

func isDir(dir string) error {
	fi, err := os.Stat(dir)
	switch {
	case err != nil:
		return err
	case !fi.IsDir():
		return fmt.Errorf("%s is not a directory", dir)
	}
	return nil
}

func (r *restoreResult) table(w io.Writer) {
	row(w, "result", r.Result)
	row(w, "source", r.Source)
	if r.Into != "" {
		row(w, "into", r.Into)
	}
	row(w, "last revision", fmt.Sprintf("%d of epoch %d, stamped %s", r.Revision, r.Epoch, showTime(r.Time)))
	if r.Next != nil {
		row(w, "left out from", fmt.Sprintf("revision %d, stamped %s", r.Next.Revision, showTime(r.Next.Time)))
	} else {
		row(w, "left out", "nothing")
	}
	row(w, "history from", fmt.Sprintf("revision %d", r.Purged+1))
	row(w, "snapshot", fmt.Sprintf("%d records, %d bytes", r.Records, r.Size))
	switch {
	case r.Key == "":
	case r.file:
		row(w, "next", "to begin a cluster with it, put it alone into an empty bucket or prefix, as "+r.Key)
	default:
		row(w, "next", "start electors and nodes there, with empty data directories")
	}
}
