package netsyctl

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/urfave/cli/v2"

	"github.com/netsy-io/netsy/pkg/record"
)

// How cat writes values.
const (
	valuesBase64 = "base64"
	valuesText   = "text"
	valuesNone   = "none"
)

var valueStyles = []string{valuesBase64, valuesText, valuesNone}

func datafileCatCommand() *cli.Command {
	return &cli.Command{
		Name:      "cat",
		Usage:     "print the records of a data file, one JSON object a line",
		ArgsUsage: "FILE",
		Description: `Keys are strings, or base64 in key_base64 if they aren't UTF-8. Values are base64 in value_base64; with
--values text those that are UTF-8 are strings in value. Of a damaged file the records before the damage
are printed. Exit status: 0 sound, 1 damaged, 2 it couldn't be read.

  netsyctl datafile cat chunk.netsy
  netsyctl datafile cat --values text --key-prefix /registry/pods/ snapshot.netsy
  netsyctl datafile cat --config cluster.jsonc --values none bucket:chunks/0000000000000000001.netsy`,
		Flags: append(sourceFlags(),
			&cli.StringFlag{Name: "values", Value: valuesBase64, Usage: strings.Join(valueStyles, ", ")},
			&cli.StringFlag{Name: "key-prefix", Usage: "only records whose key begins with it"}),
		Action: func(c *cli.Context) error {
			name, err := oneArg(c, "FILE")
			if err != nil {
				return err
			}
			if !slices.Contains(valueStyles, c.String("values")) {
				return wrongUse("--values must be one of %s (got %q)", strings.Join(valueStyles, ", "), c.String("values"))
			}
			return judged(catDataFile(c, name))
		},
	}
}

// shownRecord is one line of cat.
type shownRecord struct {
	Revision       record.Revision `json:"revision"`
	Sub            int32           `json:"sub"`
	Epoch          record.Epoch    `json:"epoch"`
	Key            *string         `json:"key,omitempty"`
	KeyBytes       []byte          `json:"key_base64,omitempty"`
	Deleted        bool            `json:"deleted"`
	Created        bool            `json:"created"`
	CreateRevision record.Revision `json:"create_revision"`
	PrevRevision   record.Revision `json:"prev_revision"`
	Version        int64           `json:"version"`
	Lease          int64           `json:"lease,omitempty"`
	DEK            int64           `json:"dek,omitempty"`
	Leader         string          `json:"leader_id,omitempty"`
	CreatedAt      *time.Time      `json:"created_at,omitempty"`
	CompactedAt    *time.Time      `json:"compacted_at,omitempty"`
	ReplicatedAt   *time.Time      `json:"replicated_at,omitempty"`
	ValueSize      int             `json:"value_size"`
	Value          *string         `json:"value,omitempty"`
	ValueBytes     []byte          `json:"value_base64,omitempty"`
}

func catDataFile(c *cli.Context, name string) error {
	f, err := openDataFile(c, name)
	if err != nil {
		return err
	}
	defer f.Close() // it was read only
	w := bufio.NewWriter(c.App.Writer)
	e := json.NewEncoder(w)
	e.SetEscapeHTML(false)
	prefix, values := []byte(c.String("key-prefix")), c.String("values")
	err = f.each(func(r *record.Record) error {
		if !bytes.HasPrefix(r.Key, prefix) {
			return c.Context.Err()
		}
		return errors.Join(e.Encode(shownRecordOf(r, values)), c.Context.Err())
	})
	return errors.Join(err, w.Flush())
}

func shownRecordOf(r *record.Record, values string) *shownRecord {
	s := &shownRecord{Revision: r.Revision, Sub: r.Sub, Epoch: r.Epoch, Deleted: r.Deleted, Created: r.Created, CreateRevision: r.CreateRevision,
		PrevRevision: r.PrevRevision, Version: r.Version, Lease: r.Lease, DEK: r.DEK, Leader: r.LeaderID, ValueSize: len(r.Value),
		CreatedAt: timeOrNil(r.CreatedAt), CompactedAt: timeOrNil(r.CompactedAt), ReplicatedAt: timeOrNil(r.ReplicatedAt)}
	s.Key, s.KeyBytes = textOrBytes(r.Key)
	switch {
	case r.Deleted || values == valuesNone:
	case values == valuesText:
		s.Value, s.ValueBytes = textOrBytes(r.Value)
	default:
		s.ValueBytes = r.Value
	}
	return s
}

func textOrBytes(b []byte) (*string, []byte) {
	if !utf8.Valid(b) {
		return nil, b
	}
	s := string(b)
	return &s, nil
}

func timeOrNil(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	return &t
}
