package netsyctl

import (
	"fmt"
	"io"
	"path"
	"strconv"
	"strings"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/netsy-io/netsy/pkg/datafile"
	"github.com/netsy-io/netsy/pkg/objectlog"
	"github.com/netsy-io/netsy/pkg/record"
)

func datafileInspectCommand() *cli.Command {
	return &cli.Command{
		Name:      "inspect",
		Usage:     "show what a data file says of itself, and what is in it",
		ArgsUsage: "FILE",
		Description: `Reads it to the end. Of a damaged file it shows what comes before the damage. Exit status: 0 sound, 1
damaged, 2 it couldn't be read.

  netsyctl datafile inspect chunk.netsy
  netsyctl datafile inspect --config cluster.jsonc -o json bucket:snapshots/0000000000000000012.netsy`,
		Flags: append(sourceFlags(), outputFlag()),
		Action: func(c *cli.Context) error {
			name, err := oneArg(c, "FILE")
			if err != nil {
				return err
			}
			x, err := inspectDataFile(c, name)
			if err != nil {
				return judged(err)
			}
			if err := show(c, x, x.table); err != nil {
				return err
			}
			return x.verdict()
		},
	}
}

// shownFile is a data file.
type shownFile struct {
	File        string          `json:"file"`
	Size        int64           `json:"size"` // bytes as stored
	Kind        string          `json:"kind"`
	Compression string          `json:"compression"`
	Records     int64           `json:"records"` // as the header says
	Epoch       record.Epoch    `json:"epoch"`
	Leader      string          `json:"leader_id,omitempty"`
	ChunkID     string          `json:"chunk_id,omitempty"`
	Created     *time.Time      `json:"created_at,omitempty"`
	Purged      record.Revision `json:"purged_revision,omitempty"`

	First    record.Revision `json:"first_revision"`
	Last     record.Revision `json:"last_revision"`
	Deletes  int64           `json:"deletes"`
	Contents int64           `json:"contents"`              // bytes of keys and values
	CRC      string          `json:"records_crc,omitempty"` // of the footer
	Problem  string          `json:"problem,omitempty"`
}

// inspectDataFile reads a file to its end, or to the damage. An error says that there is
// nothing to show.
func inspectDataFile(c *cli.Context, name string) (*shownFile, error) {
	f, err := openDataFile(c, name)
	if err != nil {
		return nil, err
	}
	defer f.Close() // it was read only
	h := f.Header()
	x := &shownFile{File: name, Size: f.size, Kind: h.Kind.String(), Compression: h.Compression.String(), Records: h.RecordsCount,
		Epoch: h.Epoch, Leader: h.LeaderID, ChunkID: h.ChunkID.String(), Purged: h.Purged}
	if h.Tombstone() {
		x.Kind = slotTombstone
	}
	if !h.CreatedAt.IsZero() {
		x.Created = &h.CreatedAt
	}
	err = f.each(func(r *record.Record) error {
		if x.First == 0 {
			x.First = r.Revision
		}
		x.Last, x.Contents = r.Revision, x.Contents+int64(r.Size())
		if r.Deleted {
			x.Deletes++
		}
		return c.Context.Err()
	})
	switch {
	case isDamage(err):
		x.Problem = err.Error()
	case err != nil:
		return nil, err
	case !h.Tombstone():
		x.CRC = fmt.Sprintf("%016x", f.Footer().RecordsCRC)
	}
	if x.Problem == "" {
		x.Problem = misplaced(name, &h, x)
	}
	return x, nil
}

// misplaced says what is wrong with the name of a file: under a key of Netsy's it must be
// what the key says.
func misplaced(name string, h *datafile.Header, x *shownFile) string {
	key, ok := strings.CutPrefix(name, bucketPrefix)
	if !ok {
		return "" // a file may be called anything
	}
	rev, err := record.ParseRevisionKey(strings.TrimSuffix(path.Base(key), ".netsy"))
	switch {
	case err != nil || h.Tombstone():
		return ""
	case key == objectlog.ChunkKey(rev) && (h.Kind != datafile.Chunk || x.First != rev):
		return fmt.Sprintf("a %v from revision %d on, under the key of a chunk from revision %d on", h.Kind, x.First, rev)
	case key == objectlog.SnapshotKey(rev) && (h.Kind != datafile.Snapshot || x.Last != rev):
		return fmt.Sprintf("a %v up to revision %d, under the key of a snapshot up to revision %d", h.Kind, x.Last, rev)
	}
	return ""
}

func (x *shownFile) verdict() error {
	if x.Problem != "" {
		return fmt.Errorf("%s is not sound", x.File)
	}
	return nil
}

func (x *shownFile) table(w io.Writer) {
	row(w, "file", x.File)
	row(w, "kind", x.Kind)
	row(w, "size", fmt.Sprintf("%d bytes, compression %s", x.Size, x.Compression))
	row(w, "epoch", strconv.FormatInt(int64(x.Epoch), 10))
	row(w, "written by", orDash(x.Leader))
	if x.Created != nil {
		row(w, "written at", showTime(*x.Created))
	}
	if x.ChunkID != "" {
		row(w, "chunk id", x.ChunkID)
	}
	if x.Kind == datafile.Snapshot.String() {
		row(w, "history from", fmt.Sprintf("revision %d", x.Purged+1))
	}
	if x.Kind != slotTombstone {
		row(w, "revisions", fmt.Sprintf("%d to %d", x.First, x.Last))
		row(w, "records", fmt.Sprintf("%d, of them %s", x.Records, plural(int(x.Deletes), "delete")))
		row(w, "contents", fmt.Sprintf("%d bytes of keys and values", x.Contents))
		row(w, "checksum", orDash(x.CRC))
	}
	if x.Problem != "" {
		row(w, "PROBLEM", x.Problem)
		return
	}
	row(w, "verdict", "sound")
}
