package netsyctl

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"
	"unicode"

	"github.com/urfave/cli/v2"
	"go.yaml.in/yaml/v3"
)

// What -o takes.
const (
	formatTable = "table"
	formatJSON  = "json"
	formatYAML  = "yaml"
)

var outputFormats = []string{formatTable, formatJSON, formatYAML}

// outputFlag is on every command that has something to show.
func outputFlag() cli.Flag {
	return &cli.StringFlag{Name: "output", Aliases: []string{"o"}, Value: formatTable, Usage: "table, json or yaml",
		Action: func(_ *cli.Context, v string) error {
			if !slices.Contains(outputFormats, v) {
				return wrongUse("--output must be one of %s (got %q)", strings.Join(outputFormats, ", "), v)
			}
			return nil
		}}
}

// forPeople says whether the output is the table. What is for programs is one document,
// and nothing beside it.
func forPeople(c *cli.Context) bool { return c.String("output") == formatTable }

// show writes v as JSON or YAML, or as the table that the function makes of it.
func show(c *cli.Context, v any, table func(w io.Writer)) error {
	switch c.String("output") {
	case formatJSON:
		return writeJSON(c.App.Writer, v)
	case formatYAML:
		return writeYAML(c.App.Writer, v)
	}
	w := tabwriter.NewWriter(c.App.Writer, 0, 0, 2, ' ', 0)
	table(w)
	return w.Flush()
}

func writeJSON(w io.Writer, v any) error {
	e := json.NewEncoder(w)
	e.SetIndent("", "  ")
	return e.Encode(v)
}

// writeYAML writes what the JSON says, field by field in the same order. Numbers keep all
// digits.
func writeYAML(w io.Writer, v any) error {
	b, err := json.Marshal(v)
	if err != nil {
		return err
	}
	d := json.NewDecoder(bytes.NewReader(b))
	d.UseNumber()
	doc, err := yamlOf(d)
	if err != nil {
		return fmt.Errorf("writing YAML: %w", err)
	}
	out := yaml.NewEncoder(w)
	out.SetIndent(2)
	if err := out.Encode(doc); err != nil {
		return fmt.Errorf("writing YAML: %w", err)
	}
	return out.Close()
}

// yamlOf makes a node of the next JSON value.
func yamlOf(d *json.Decoder) (*yaml.Node, error) {
	t, err := d.Token()
	if err != nil {
		return nil, err
	}
	switch t := t.(type) {
	case json.Delim:
		n := &yaml.Node{Kind: yaml.MappingNode}
		if t == '[' {
			n.Kind = yaml.SequenceNode
		}
		for d.More() {
			x, err := yamlOf(d) // of an object: keys and values in turn
			if err != nil {
				return nil, err
			}
			n.Content = append(n.Content, x)
		}
		_, err := d.Token() // the end
		return n, err
	case json.Number:
		return &yaml.Node{Kind: yaml.ScalarNode, Value: t.String()}, nil
	case string:
		return yamlString(t)
	}
	n := &yaml.Node{}
	return n, n.Encode(t)
}

// yamlString leaves the quotes to the library, which knows what would read as something
// else; what can't be seen is written with escapes.
func yamlString(s string) (*yaml.Node, error) {
	n := &yaml.Node{}
	if strings.ContainsFunc(s, func(r rune) bool { return !unicode.IsPrint(r) }) {
		n.Kind, n.Tag, n.Style, n.Value = yaml.ScalarNode, "!!str", yaml.DoubleQuotedStyle, s
		return n, nil
	}
	return n, n.Encode(s)
}

// row writes one line of a table.
func row(w io.Writer, cells ...string) { fmt.Fprintln(w, strings.Join(cells, "\t")) }
