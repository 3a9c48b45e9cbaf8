package config

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/tailscale/hujson"
)

// maxFileSize bounds the cluster file, which is a page long: what is larger is another file.
const maxFileSize = 64 << 10

// Load reads a cluster file. An error is Problems, also if the file can't be read.
func Load(name string) (*Cluster, error) {
	b, err := os.ReadFile(name)
	if err != nil {
		return nil, Problems{{File: name, Message: "can't be read: " + err.Error(), Delivered: true}}
	}
	return Parse(name, b)
}

// Parse reads the content of a cluster file; name is for messages. An error is
// Problems: every mistake in the file, by path, line and column.
func Parse(name string, b []byte) (*Cluster, error) {
	if len(b) > maxFileSize {
		return nil, Problems{{File: name, Message: fmt.Sprintf("has %d bytes; a cluster file has at most %d", len(b), maxFileSize)}}
	}
	v, err := hujson.Parse(b)
	if err != nil {
		p := syntaxProblem(name, err)
		p.Delivered = cutShort(b, err)
		return nil, Problems{p}
	}
	p := &parser{name: name, src: b, cluster: Defaults(), at: map[string]int{}, bad: map[string]bool{}}
	p.value("", v)
	p.checkRequired()
	p.checkTogether()
	slices.SortStableFunc(p.problems, func(a, b Problem) int {
		return cmp.Or(cmp.Compare(a.Line, b.Line), cmp.Compare(a.Column, b.Column))
	})
	if err := p.problems.orNil(); err != nil {
		return nil, err
	}
	return p.cluster, nil
}

// cutShort: b, which doesn't parse for err, is empty or ends too early. Somebody may be writing
// it: its beginning is there for a moment when it is copied. The end may be within a word.
func cutShort(b []byte, err error) bool {
	if !errors.Is(err, io.ErrUnexpectedEOF) {
		_, err = hujson.Parse(lastWord.ReplaceAll(b, nil))
	}
	return errors.Is(err, io.ErrUnexpectedEOF)
}

// lastWord is what may have become a number, true, false, null or a comment.
var lastWord = regexp.MustCompile(`[-+.0-9A-Za-z/]+$`)

var syntaxForm = regexp.MustCompile(`^hujson: line (\d+), column (\d+): `)

func syntaxProblem(name string, err error) Problem {
	p := Problem{File: name, Message: "not valid JSON (with comments): " + err.Error()}
	if m := syntaxForm.FindStringSubmatch(err.Error()); m != nil {
		p.Line, _ = strconv.Atoi(m[1]) // digits, by the pattern
		p.Column, _ = strconv.Atoi(m[2])
		p.Message = "not valid JSON (with comments): " + strings.TrimPrefix(err.Error(), m[0])
	}
	return p
}

// parser walks the file's tree and fills in the cluster.
type parser struct {
	name     string
	src      []byte
	cluster  *Cluster
	at       map[string]int  // offset of each member's name, by path
	bad      map[string]bool // paths with a problem already
	problems Problems
}

func (p *parser) add(path string, offset int, format string, args ...any) {
	pr := Problem{File: p.name, Path: path, Message: fmt.Sprintf(format, args...)}
	if offset >= 0 {
		pr.Line = 1 + bytes.Count(p.src[:offset], []byte("\n"))
		pr.Column = offset - bytes.LastIndexByte(p.src[:offset], '\n')
	}
	p.bad[path] = true
	p.problems = append(p.problems, pr)
}

// value reads what stands at path: the file's top, a section or a field.
func (p *parser) value(path string, v hujson.Value) {
	f := findField(path)
	switch x := v.Value.(type) {
	case *hujson.Object:
		if f != nil {
			p.add(path, v.StartOffset, "must be a %s (got an object)", f.kind)
			return
		}
		for _, m := range x.Members {
			p.member(path, m)
		}
	case hujson.Literal:
		p.literal(path, f, x, v.StartOffset)
	default:
		want := "an object"
		if f != nil {
			want = "a " + f.kind
		}
		p.add(path, v.StartOffset, "must be %s (got an array)", want)
	}
}

func (p *parser) literal(path string, f *field, l hujson.Literal, offset int) {
	switch {
	case f == nil:
		p.add(path, offset, "must be an object in braces (got %s)", string(l))
	case l.Kind() == 'n':
		p.add(path, offset, "must not be null: leave it out for its default")
	default:
		if err := f.set(p.cluster, l); err != nil {
			p.add(path, offset, "%v", err)
		}
	}
}

func (p *parser) member(section string, m hujson.ObjectMember) {
	name, _ := textOf(m.Name.Value.(hujson.Literal)) // JSON has no other names
	path := name
	if section != "" {
		path = section + "." + name
	}
	if first, ok := p.at[path]; ok {
		line := 1 + bytes.Count(p.src[:first], []byte("\n"))
		p.add(path, m.Name.StartOffset, "is given twice (first on line %d)", line)
		return
	}
	p.at[path] = m.Name.StartOffset
	if !known(section, name) {
		p.add(path, m.Name.StartOffset, "is not a setting%s", p.suggest(section, name))
		return
	}
	p.value(path, m.Value)
}

// known: a name is looked up within its section, so that "storage.provider" as
// one name at the top is not mistaken for the path.
func known(section, name string) bool { return slices.Contains(namesIn(section), name) }

// suggest looks among the section's own names, then for the same name elsewhere.
func (p *parser) suggest(section, name string) string {
	if findField(name) != nil && strings.Contains(name, ".") {
		return ": write it as nested objects, {" + strings.ReplaceAll(name, ".", ": {") + ": ...}}"
	}
	if s := hint(name, namesIn(section)); s != "" {
		return s
	}
	var all []string
	for _, f := range fields {
		if f.path == name || strings.HasSuffix(f.path, "."+name) {
			all = append(all, f.path)
		}
	}
	return hint(name[strings.LastIndexByte(name, '.')+1:], all)
}

func (p *parser) checkRequired() {
	if p.bad[""] {
		return // there is no object to miss anything in
	}
	for _, f := range fields {
		if _, given := p.at[f.path]; f.required && !given && !p.sectionBad(f.path) {
			p.add(f.path, -1, "is required: %s", f.limits)
		}
	}
}

func (p *parser) sectionBad(path string) bool {
	for i, c := range path {
		if c == '.' && p.bad[path[:i]] {
			return true
		}
	}
	return false
}

// checkTogether reports contradictions between fields that are each right.
func (p *parser) checkTogether() {
	unsound := func(path string) bool { return p.bad[path] || p.sectionBad(path) || p.bad[""] }
	for _, c := range p.cluster.contradictions() {
		if unsound(c.path) || slices.ContainsFunc(c.others, unsound) {
			continue
		}
		p.add(c.path, p.where(c), "%s", c.message)
	}
}

// where a contradiction is to be shown: at its field, or at another of those it is
// about, if its own has its default.
func (p *parser) where(c contradiction) int {
	for _, path := range append([]string{c.path}, c.others...) {
		if offset, ok := p.at[path]; ok {
			return offset
		}
	}
	return -1
}

func findField(path string) *field {
	for i := range fields {
		if fields[i].path == path {
			return &fields[i]
		}
	}
	return nil
}

// namesIn lists the names that a section ("" is the top) may hold.
func namesIn(section string) []string {
	var names []string
	for _, f := range fields {
		rest := f.path
		if section != "" {
			var ok bool
			if rest, ok = strings.CutPrefix(f.path, section+"."); !ok {
				continue
			}
		}
		if name, _, _ := strings.Cut(rest, "."); !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	return names
}
