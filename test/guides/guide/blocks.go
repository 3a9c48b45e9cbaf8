package guide

import (
	"fmt"
	"strings"
)

// block is a fenced block of a page.
type block struct {
	line     int // of the opening fence, from 1
	language string
	file     string // where its text goes
	skip     string // why its commands are not run
	text     string // ends with a newline, unless empty
}

// commands reports whether the block is to be run.
func (b block) commands() bool { return b.language == "sh" && b.skip == "" && b.file == "" }

const fence = "```"

// parse returns the fenced blocks of a page, in order. Blocks may be indented, as in
// lists; that much is removed from each line.
func parse(page string) ([]block, error) {
	var out []block
	var open *block
	var indent string
	for i, line := range strings.Split(page, "\n") {
		trimmed := strings.TrimLeft(line, " ")
		switch {
		case open == nil && strings.HasPrefix(trimmed, fence):
			b, err := parseInfo(strings.TrimPrefix(trimmed, fence))
			if err != nil {
				return nil, fmt.Errorf("line %d: %w", i+1, err)
			}
			b.line = i + 1
			open, indent = &b, line[:len(line)-len(trimmed)]
		case open != nil && strings.TrimSpace(line) == fence:
			out, open = append(out, *open), nil
		case open != nil:
			open.text += strings.TrimPrefix(line, indent) + "\n"
		}
	}
	if open != nil {
		return nil, fmt.Errorf("line %d: the block isn't closed", open.line)
	}
	return out, nil
}

// parseInfo reads what stands behind the opening fence. A reason to skip is the rest
// of the line.
func parseInfo(info string) (b block, err error) {
	b.language, info, _ = strings.Cut(strings.TrimSpace(info), " ")
	if b.language == "console" || b.language == "bash" || b.language == "shell" || b.language == "" {
		return b, fmt.Errorf("a block of kind %q: commands are sh, their output is text", b.language)
	}
	for info != "" {
		if b.skip, _ = strings.CutPrefix(info, "skip="); b.skip != info {
			break
		}
		b.skip = ""
		var word string
		word, info, _ = strings.Cut(info, " ")
		file, ok := strings.CutPrefix(word, "file=")
		if !ok || file == "" || strings.ContainsAny(file, "'\"$") {
			return b, fmt.Errorf("%q: want file=PATH or skip=REASON", word)
		}
		b.file = file
	}
	if b.skip != "" && b.language != "sh" {
		return b, fmt.Errorf("skip= is for commands, this is %s", b.language)
	}
	return b, nil
}
