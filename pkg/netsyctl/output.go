package netsyctl

import (
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/urfave/cli/v2"
)

var outputFormats = []string{"table", "json"}

// outputFlag is on every command that has something to show.
func outputFlag() cli.Flag {
	return &cli.StringFlag{Name: "output", Aliases: []string{"o"}, Value: "table", Usage: "table or json",
		Action: func(_ *cli.Context, v string) error {
			if !slices.Contains(outputFormats, v) {
				return fmt.Errorf("--output must be one of %s (got %q)", strings.Join(outputFormats, ", "), v)
			}
			return nil
		}}
}

// show writes v as JSON, or as the table that the function makes of it.
func show(c *cli.Context, v any, table func(w io.Writer)) error {
	if c.String("output") == "json" {
		e := json.NewEncoder(c.App.Writer)
		e.SetIndent("", "  ")
		return e.Encode(v)
	}
	w := tabwriter.NewWriter(c.App.Writer, 0, 0, 2, ' ', 0)
	table(w)
	return w.Flush()
}

// row writes one line of a table.
func row(w io.Writer, cells ...string) { fmt.Fprintln(w, strings.Join(cells, "\t")) }
