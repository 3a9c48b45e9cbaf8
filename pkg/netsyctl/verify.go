package netsyctl

import (
	"fmt"
	"io"

	"github.com/urfave/cli/v2"

	"github.com/netsy-io/netsy/pkg/verify"
)

func verifyCommand() *cli.Command {
	return &cli.Command{
		Name:  "verify",
		Usage: "read a whole bucket and say whether it is sound",
		Description: `Reads every object, and checks every checksum, that the chain of chunks has no gap and that its records
follow each other, that each snapshot is what the one before it and the chunks between lead to, and
that the documents agree. It changes nothing, and may run while the cluster is at work. It downloads
everything, snapshots twice: that costs what it costs. Run it on a copy before trusting a backup.

Exit status: 0 sound (there may be warnings and notes), 1 errors were found, 2 it could not be verified.

  netsyctl verify --config cluster.jsonc
  netsyctl verify --config cluster.jsonc -o json
  netsyctl verify --dir /backup/bucket`,
		Flags: append(sourceFlags(), outputFlag()),
		Action: func(c *cli.Context) error {
			if err := noArgs(c); err != nil {
				return &unjudgedError{err}
			}
			st, clusterID, err := openSource(c)
			if err != nil {
				return &unjudgedError{err}
			}
			p := &progress{w: c.App.ErrWriter}
			p.step("reading %s", st)
			r, err := verify.Run(c.Context, verify.Options{Store: st, ClusterID: clusterID, Progress: func(at verify.Progress) {
				p.at("bytes", at.Bytes, at.OfBytes)
			}})
			if err != nil {
				return &unjudgedError{err}
			}
			shown := verified{Store: st.String(), Sound: r.Sound(), Report: r}
			if err := show(c, shown, shown.table); err != nil {
				return &unjudgedError{err}
			}
			if n := r.Count(verify.Error); n > 0 {
				return fmt.Errorf("%s is not sound: %s", st, plural(n, "error"))
			}
			return nil
		},
	}
}

func plural(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}

// verified is what verify shows.
type verified struct {
	Store string `json:"store"`
	Sound bool   `json:"sound"`
	verify.Report
}

func (v *verified) table(w io.Writer) {
	verdict := "not sound"
	if v.Sound {
		verdict = "sound"
	}
	t := v.Totals
	row(w, "bucket", v.Store)
	row(w, "cluster", orDash(v.ClusterID))
	row(w, "objects", fmt.Sprintf("%d, %d bytes", t.Objects, t.Bytes))
	row(w, "chunks", fmt.Sprintf("%d, and %s", t.Chunks-t.Tombstones, plural(t.Tombstones, "tombstone")))
	row(w, "snapshots", fmt.Sprint(t.Snapshots))
	row(w, "records", fmt.Sprintf("%d, of %d keys at the end", t.Records, t.Keys))
	row(w, "log", fmt.Sprintf("up to revision %d of epoch %d", t.Last, t.LastEpoch))
	row(w, "verdict", fmt.Sprintf("%s: %s, %s", verdict, plural(v.Count(verify.Error), "error"), plural(v.Count(verify.Warning), "warning")))
	for _, f := range v.Findings {
		row(w)
		row(w, fmt.Sprintf("%s: %s: %s", f.Severity, f.Kind, f.Key))
		row(w, "  "+f.Message)
		if f.Next != "" {
			row(w, "  next: "+f.Next)
		}
	}
}
