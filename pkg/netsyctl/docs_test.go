package netsyctl

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/urfave/cli/v2"
)

const docsHead = `# netsyctl

<!-- Written from the commands' help by their test: go test ./pkg/netsyctl -update -->

The admin's command. It goes to object storage with the credentials of the environment, as a node does, and to nodes with an
admin's certificate where a command needs their answers; most work when no node does. ` + "`netsyctl COMMAND --help`" + ` shows what is
here. Flags go before arguments.

## Which cluster

That of ` + "`--config`, a [cluster file](configuration.md), or of `--context`, a name in `~/.config/netsy/contexts.json`" + `; without either, of
` + "`NETSY_CONTEXT`, else of `NETSY_CONFIG`, else of the current context (`netsyctl context use`). `--dir`" + `, where a command has it, names a
directory that is the bucket, or a copy of one. Two of the three flags at once are a mistake.

## Output

` + "`-o table`" + ` (the default) is for people and may change; ` + "`-o json`" + ` and ` + "`-o yaml`" + ` are for programs: one document with the same fields in
both, times in RFC 3339, sizes in bytes, member ids as strings. Progress goes to standard error. What a command shows it shows
before it fails, so that a document can be read whatever the exit status is.

## Exit status

Some commands judge: ` + "`verify`, `log`, `datafile`, `snapshot list`, `snapshot verify`, `config validate`, `cert inspect`" + `.

| status | of one that judges | of any other |
|---|---|---|
| 0 | all is in order; of ` + "`datafile diff`" + `: the same | done |
| 1 | something is not in order, and is shown; of ` + "`datafile diff`" + `: different | it failed; the message says what to do |
| 2 | wrong use, or what was to be judged couldn't be read | wrong use; nothing was done |

` + "`status`, `nodes`, `members` and `cluster show`" + ` end with 1 if a document in the bucket can't be understood, after having shown the rest. A
node that doesn't answer is no failure of theirs.

` + "`cluster step-down` and `cluster transfer`" + ` end with 0 once the next Primary is active, and is the node named, if one was; with 1 if it is refused, if
another node was elected, or if nobody was active within ` + "`--timeout`" + `; the output says which. ` + "`cost`" + ` ends with 0 also if no process answered.

## Commands

`

// reference is docs/netsyctl.md.
func reference(app *cli.App) string {
	var b strings.Builder
	b.WriteString(docsHead)
	var walk func(path string, list []*cli.Command, fn func(string, *cli.Command))
	walk = func(path string, list []*cli.Command, fn func(string, *cli.Command)) {
		for _, c := range list {
			fn(path+" "+c.Name, c)
			walk(path+" "+c.Name, c.Subcommands, fn)
		}
	}
	b.WriteString("| command | |\n|---|---|\n")
	walk("netsyctl", app.Commands, func(name string, c *cli.Command) {
		if len(c.Subcommands) == 0 {
			fmt.Fprintf(&b, "| [`%s`](#%s) | %s |\n", name, strings.ReplaceAll(name, " ", "-"), c.Usage)
		}
	})
	walk("netsyctl", app.Commands, func(name string, c *cli.Command) {
		fmt.Fprintf(&b, "\n### %s\n\n%s.\n\n```text\n%s", name, strings.ToUpper(c.Usage[:1])+c.Usage[1:], name)
		switch {
		case len(c.Subcommands) > 0:
			b.WriteString(" COMMAND")
		case len(c.Flags) > 0:
			b.WriteString(" [FLAGS]")
		}
		if c.ArgsUsage != "" {
			b.WriteString(" " + c.ArgsUsage)
		}
		fmt.Fprintf(&b, "\n\n%s\n```\n", c.Description)
		if len(c.Flags) > 0 {
			b.WriteString("\n| flag | variable | default | |\n|---|---|---|---|\n")
		}
		for _, f := range c.Flags {
			writeFlag(&b, f.(cli.DocGenerationFlag), f)
		}
	})
	return b.String()
}

func writeFlag(b *strings.Builder, f cli.DocGenerationFlag, any cli.Flag) {
	code := func(list []string, dash bool) string {
		var out []string
		for _, s := range list {
			if dash {
				s = strings.Repeat("-", min(len(s), 2)) + s
			}
			out = append(out, "`"+s+"`")
		}
		return strings.Join(out, ", ")
	}
	def := f.GetDefaultText()
	if r, ok := any.(cli.RequiredFlag); ok && r.IsRequired() {
		def = "**required**"
	} else if def = strings.Trim(def, `"`); def != "" {
		def = "`" + def + "`"
	}
	if _, isBool := any.(*cli.BoolFlag); isBool {
		def = ""
	}
	fmt.Fprintf(b, "| %s | %s | %s | %s |\n", code(any.Names(), true), code(f.GetEnvVars(), false), def, f.GetUsage())
}

func TestDocsAreCurrent(t *testing.T) {
	const path = "../../docs/netsyctl.md"
	want := reference(App())
	if *update {
		if err := os.WriteFile(path, []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(path)
	if err != nil || string(got) != want {
		t.Errorf("%s is not what the commands' help says (%v): run go test ./pkg/netsyctl -update", path, err)
	}
}
