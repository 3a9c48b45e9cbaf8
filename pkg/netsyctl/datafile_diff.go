package netsyctl

import (
	"bytes"
	"cmp"
	"fmt"
	"io"
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/netsy-io/netsy/pkg/record"
)

func datafileDiffCommand() *cli.Command {
	return &cli.Command{
		Name:      "diff",
		Usage:     "compare the records of two data files",
		ArgsUsage: "FILE FILE",
		Description: `Goes through both by revision: "-" is only in the first, "+" only in the second, "~" in both but not
the same. Kind, compression, uploader and checksums of the files don't count. Exit status, as of
diff: 0 the same, 1 different, 2 one couldn't be read or isn't sound.

  netsyctl datafile diff old.netsy new.netsy
  netsyctl datafile diff --config cluster.jsonc -o json backup.netsy bucket:chunks/0000000000000000001.netsy`,
		Flags: append(sourceFlags(), outputFlag(), &cli.IntFlag{Name: "limit", Value: 100, Usage: "how many differences to show; all are counted"}),
		Action: func(c *cli.Context) error {
			if c.NArg() != 2 {
				return wrongUse("want two arguments, FILE FILE, flags before them (see %s --help)", c.Command.HelpName)
			}
			if c.Int("limit") < 0 {
				return wrongUse("--limit must be at least 0 (got %d)", c.Int("limit"))
			}
			d, err := diffDataFiles(c)
			if err != nil {
				return &unjudgedError{err}
			}
			if err := show(c, d, d.table); err != nil {
				return err
			}
			if d.Total > 0 {
				return fmt.Errorf("%s", plural(d.Total, "difference"))
			}
			return nil
		},
	}
}

type shownDiff struct {
	Files       [2]string         `json:"files"`
	Total       int               `json:"total"`
	Differences []shownDifference `json:"differences"`

	limit int
}

type shownDifference struct {
	Kind     string          `json:"kind"` // -, + or ~
	Revision record.Revision `json:"revision"`
	Sub      int32           `json:"sub"`
	Key      *string         `json:"key,omitempty"`
	KeyBytes []byte          `json:"key_base64,omitempty"`
	Fields   []string        `json:"fields,omitempty"` // that differ
}

// cursor is the next record of a file; nil at its end.
type cursor struct {
	file *dataFile
	rec  *record.Record
}

func (c *cursor) next() error {
	r, err := c.file.Next()
	switch {
	case err == io.EOF:
		c.rec = nil
	case err != nil:
		return fmt.Errorf("%s: %w", c.file.name, err)
	default:
		c.rec = &r
	}
	return nil
}

// diffDataFiles holds one record of each file at a time: both ascend by revision.
func diffDataFiles(c *cli.Context) (*shownDiff, error) {
	d := &shownDiff{Differences: []shownDifference{}, limit: c.Int("limit")}
	var at [2]cursor
	for i, name := range c.Args().Slice() {
		f, err := openDataFile(c, name)
		if err != nil {
			return nil, err
		}
		defer f.Close() // it was read only
		d.Files[i], at[i].file = name, f
		if err := at[i].next(); err != nil {
			return nil, err
		}
	}
	for at[0].rec != nil || at[1].rec != nil {
		order := inOrder(at[0].rec, at[1].rec)
		switch {
		case order < 0:
			d.add("-", at[0].rec, nil)
		case order > 0:
			d.add("+", at[1].rec, nil)
		default:
			if fields := differing(at[0].rec, at[1].rec); len(fields) > 0 {
				d.add("~", at[0].rec, fields)
			}
		}
		for i, goes := range []bool{order <= 0, order >= 0} {
			if goes {
				if err := at[i].next(); err != nil {
					return nil, err
				}
			}
		}
		if err := c.Context.Err(); err != nil {
			return nil, err
		}
	}
	return d, nil
}

// inOrder compares places; no record is behind all.
func inOrder(a, b *record.Record) int {
	switch {
	case a == nil:
		return 1
	case b == nil:
		return -1
	}
	return cmp.Or(cmp.Compare(a.Revision, b.Revision), cmp.Compare(a.Sub, b.Sub))
}

// differing are the names, as of cat, of the fields that two records at one place differ in.
func differing(a, b *record.Record) (names []string) {
	for _, f := range []struct {
		name string
		same bool
	}{
		{"key", bytes.Equal(a.Key, b.Key)}, {"value", bytes.Equal(a.Value, b.Value)}, {"epoch", a.Epoch == b.Epoch},
		{"created", a.Created == b.Created}, {"deleted", a.Deleted == b.Deleted},
		{"create_revision", a.CreateRevision == b.CreateRevision}, {"prev_revision", a.PrevRevision == b.PrevRevision},
		{"version", a.Version == b.Version}, {"lease", a.Lease == b.Lease}, {"dek", a.DEK == b.DEK}, {"leader_id", a.LeaderID == b.LeaderID},
		{"created_at", a.CreatedAt.Equal(b.CreatedAt)}, {"compacted_at", a.CompactedAt.Equal(b.CompactedAt)}, {"replicated_at", a.ReplicatedAt.Equal(b.ReplicatedAt)},
	} {
		if !f.same {
			names = append(names, f.name)
		}
	}
	return names
}

func (d *shownDiff) add(kind string, r *record.Record, fields []string) {
	if d.Total++; d.Total > d.limit {
		return
	}
	x := shownDifference{Kind: kind, Revision: r.Revision, Sub: r.Sub, Fields: fields}
	x.Key, x.KeyBytes = textOrBytes(r.Key)
	d.Differences = append(d.Differences, x)
}

func (d *shownDiff) table(w io.Writer) {
	for _, x := range d.Differences {
		key := fmt.Sprintf("%x", x.KeyBytes)
		if x.Key != nil {
			key = fmt.Sprintf("%q", *x.Key)
		}
		row(w, x.Kind, fmt.Sprintf("%d/%d", x.Revision, x.Sub), key, strings.Join(x.Fields, ", "))
	}
	if n := d.Total - len(d.Differences); n > 0 {
		row(w, fmt.Sprintf("and %d more", n))
	}
	if d.Total == 0 {
		row(w, "the same")
	}
}
