package config

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// Reference returns docs/configuration.md.
func Reference() string {
	var b strings.Builder
	b.WriteString(referenceHead)
	writeSettings(&b)
	b.WriteString(clusterHead)
	section := ""
	for i := range fields {
		f := &fields[i]
		if s := sectionOf(f.path); s != section {
			section = s
			if s != "" {
				fmt.Fprintf(&b, "### `%s`\n\n%s\n\n", s, sections[s])
			} else {
				b.WriteString("### The rest\n\n")
			}
		}
		f.write(&b)
	}
	b.WriteString("## A whole cluster file\n\nEvery setting, with its default ([cluster.example.jsonc](cluster.example.jsonc)):\n\n```jsonc\n")
	b.WriteString(Sample())
	b.WriteString("```\n")
	return b.String()
}

const referenceHead = `# Configuration

<!-- Written from the tables in pkg/config by its test: go test ./pkg/config -update -->

Netsy is told two things: what is the same for a whole cluster (one file), and what is a process's own (environment
variables, each also a flag; a flag wins). Nothing else is read. Each process checks both when it starts and reports every
mistake at once; to only check:

` + "```sh" + `
netsyctl config validate cluster.jsonc    # the file
netsy-node --validate                     # the file, the environment and the certificate
netsyctl config explain replication       # this page, in the terminal
` + "```" + `

## A process's own settings

An empty variable counts as one that isn't set.

`

const clusterHead = `
` + "`netsy-node --with-elector` (or `NETSY_WITH_ELECTOR=true`)" + ` runs an elector inside the node, with the node's certificate.
` + "`netsy-compactor`" + ` has, beside its settings, ` + "`--once`, `--interval` (`NETSY_COMPACTOR_INTERVAL`), `--dry-run` and `--dir` (`NETSY_COMPACTOR_DIR`)" + `: see its ` + "`--help`" + `. It
needs no certificate: it talks to object storage only.

Every port but health speaks mutual TLS; there is no way to switch it off. TLS files are followed as they change on disk: a
new certificate or CA counts from the next connection on, and a set that doesn't fit together (half-written, expired, another
process's) is reported while the last good one stays in use.

## The cluster file

JSON with comments and trailing commas. It must be the same for every process of a cluster. Only cluster_id and two settings
of storage are required. Durations are strings such as "500ms", "1m30s" or "1h".

`

func writeSettings(b *strings.Builder) {
	b.WriteString("| variable | flag | default | used by | |\n|---|---|---|---|---|\n")
	for i := range settings {
		s := &settings[i]
		def := s.defText
		switch {
		case s.required != 0 && s.required != s.programs:
			def = "**required** (" + namesOf(s.programs&^s.required) + ": " + s.defText + ")"
		case s.required != 0:
			def = "**required**"
		case s.def != "":
			def = "`" + s.def + "`"
		}
		fmt.Fprintf(b, "| `%s` | `--%s` | %s | %s | %s |\n", s.env, s.flag, def, s.users(), s.doc)
	}
}

func (s *setting) users() string {
	if s.programs == allPrograms {
		return "all"
	}
	return namesOf(s.programs)
}

func namesOf(set Program) string {
	var names []string
	for _, p := range []Program{NodeProgram, ElectorProgram, CompactorProgram} {
		if set&p != 0 {
			names = append(names, strings.TrimPrefix(p.String(), "netsy-"))
		}
	}
	return strings.Join(names, ", ")
}

func (f *field) write(b *strings.Builder) {
	fmt.Fprintf(b, "**`%s`** (%s; %s; %s)  \n%s\n\n", f.path, f.kind, f.limits, f.defaultText("`"), f.doc)
}

func (f *field) defaultText(quote string) string {
	if f.required {
		return "required"
	}
	return "default " + quote + f.def + quote
}

func sectionOf(path string) string {
	i := strings.LastIndexByte(path, '.')
	if i < 0 {
		return ""
	}
	return path[:i]
}

// Explain returns the reference of one setting or section (by its path in the
// cluster file, or by its variable or flag), or of all for "", as plain text; ok is
// false if there is none of that name, and text then suggests one.
func Explain(name string) (text string, ok bool) {
	var b strings.Builder
	for i := range settings {
		if s := &settings[i]; name == "" || name == s.env || strings.TrimPrefix(name, "--") == s.flag {
			s.explain(&b)
		}
	}
	for i := range fields {
		if f := &fields[i]; name == "" || f.path == name || strings.HasPrefix(f.path, name+".") {
			fmt.Fprintf(&b, "%s\n    %s; %s; %s\n    %s\n\n", f.path, f.kind, f.limits, f.defaultText(""), f.doc)
		}
	}
	if b.Len() > 0 {
		return b.String(), true
	}
	return strings.TrimPrefix(hint(name[strings.LastIndexByte(name, '.')+1:], allNames()), " - "), false
}

func (s *setting) explain(b *strings.Builder) {
	def := "default " + s.def + s.defText
	if s.required != 0 {
		def = "required"
	}
	if s.required != 0 && s.required != s.programs {
		def += " (" + namesOf(s.programs&^s.required) + ": " + s.defText + ")"
	}
	fmt.Fprintf(b, "%s, --%s\n    %s; used by: %s\n    %s\n\n", s.env, s.flag, def, s.users(), s.doc)
}

func allNames() []string {
	var names []string
	for _, f := range fields {
		names = append(names, f.path)
	}
	names = append(names, slices.Sorted(maps.Keys(sections))...)
	for _, s := range settings {
		names = append(names, s.env, s.flag)
	}
	return names
}
