package docs

import (
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"unicode"
)

// Every relative link of every Markdown file leads to a file, and its anchor to a heading of it. Pages that other files name
// (in an error text, a unit, an alert) are there, too.
func TestLinks(t *testing.T) {
	repo := os.DirFS("..")
	pages := map[string]*page{} // by path from the repository's root
	mentions := map[string]int{}
	walk(t, repo, func(file string, text string) {
		if path.Ext(file) == ".md" {
			pages[file] = parse(text)
			return
		}
		for _, m := range mention.FindAllString(text, -1) {
			mentions[file+": "+m]++
		}
	})
	links := 0
	for file, p := range pages {
		for _, link := range p.links {
			links++
			if err := resolve(repo, pages, file, link); err != nil {
				t.Errorf("%s: %v", file, err)
			}
		}
	}
	for m := range mentions {
		file, link, _ := strings.Cut(m, ": ")
		if err := resolve(repo, pages, "README.md", link); err != nil {
			t.Errorf("%s: %v", file, err)
		}
	}
	if len(pages) < 30 || links < 200 || len(mentions) < 10 {
		t.Errorf("only %d pages, %d links, %d mentions: is everything looked at?", len(pages), links, len(mentions))
	}
}

// resolve says what is wrong with a link of a file, if anything is.
func resolve(repo fs.FS, pages map[string]*page, file, link string) error {
	u, err := url.Parse(link)
	if err != nil {
		return err
	}
	if u.Scheme != "" || u.Host != "" {
		return nil // somebody else's
	}
	to := file
	if u.Path != "" {
		to = path.Join(path.Dir(file), u.Path)
	}
	if _, err := fs.Stat(repo, to); err != nil {
		return fmt.Errorf("%s: %w", link, err)
	}
	if p := pages[to]; u.Fragment != "" && (p == nil || !p.anchors[u.Fragment]) {
		return fmt.Errorf("%s: %s has no such heading", link, to)
	}
	return nil
}

// page is what a Markdown file links to and can be linked at.
type page struct {
	links   []string
	anchors map[string]bool
}

var (
	mention    = regexp.MustCompile(`\bdocs/[a-z0-9/-]+\.md(#[a-z0-9_-]+)?`)
	inline     = regexp.MustCompile(`\]\(<?([^()\s>]+)>?(?:\s+"[^"]*")?\)`)
	definition = regexp.MustCompile(`^\s{0,3}\[[^\]]+\]:\s+<?([^\s>]+)`)
	heading    = regexp.MustCompile(`^ {0,3}#{1,6}\s+(.*?)(?:\s+#+)?\s*$`)
	named      = regexp.MustCompile(`<a (?:id|name)="([^"]+)"`)
	linked     = regexp.MustCompile(`!?\[([^\]]*)\]\([^)]*\)`)
)

// parse finds links and anchors outside of fenced code.
func parse(text string) *page {
	p := &page{anchors: map[string]bool{}}
	fence := ""
	for line := range strings.Lines(text) {
		line = strings.TrimRight(line, "\r\n")
		if mark := fenceOf(line); mark != "" && (fence == "" || strings.HasPrefix(mark, fence)) {
			if fence == "" {
				fence = mark
			} else {
				fence = ""
			}
			continue
		}
		if fence != "" {
			continue
		}
		if m := heading.FindStringSubmatch(line); m != nil {
			p.heads(m[1])
		}
		for _, m := range named.FindAllStringSubmatch(line, -1) {
			p.anchors[m[1]] = true
		}
		for _, m := range inline.FindAllStringSubmatch(line, -1) {
			p.links = append(p.links, m[1])
		}
		if m := definition.FindStringSubmatch(line); m != nil {
			p.links = append(p.links, m[1])
		}
	}
	return p
}

// heads adds a heading's anchor; a second one of the same text gets "-1", the next "-2".
func (p *page) heads(text string) {
	a := anchor(text)
	for n, base := 1, a; p.anchors[a]; n++ {
		a = fmt.Sprintf("%s-%d", base, n)
	}
	p.anchors[a] = true
}

// anchor is GitHub's: the text in lower case, of which letters, marks, digits, connectors and hyphens stay, and spaces become hyphens.
func anchor(text string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r == ' ':
			return '-'
		case r == '-', unicode.In(r, unicode.L, unicode.M, unicode.Nd, unicode.Pc):
			return unicode.ToLower(r)
		}
		return -1
	}, linked.ReplaceAllString(text, "$1"))
}

// fenceOf is the run of ` or ~ with which a line opens or closes fenced code, or "".
func fenceOf(line string) string {
	line = strings.TrimSpace(line)
	for _, c := range []string{"`", "~"} {
		if run := line[:len(line)-len(strings.TrimLeft(line, c))]; len(run) >= 3 && !strings.Contains(line[len(run):], c) {
			return run
		}
	}
	return ""
}

// walk reads the repository's text files that may name pages; what is built or fetched isn't the repository's.
func walk(t *testing.T, repo fs.FS, read func(file, text string)) {
	t.Helper()
	err := fs.WalkDir(repo, ".", func(file string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		name := d.Name()
		if d.IsDir() {
			if file != "." && (strings.HasPrefix(name, ".") || name == "node_modules" || name == "bin") {
				return fs.SkipDir
			}
			return nil
		}
		switch filepath.Ext(name) {
		case ".md", ".go", ".yaml", ".yml", ".json", ".jsonc", ".env", ".service", ".timer", ".sh", ".txt", ".tpl", ".proto":
		default:
			return nil
		}
		b, err := fs.ReadFile(repo, file)
		if err == nil {
			read(file, string(b))
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

// The anchors that GitHub makes.
func TestAnchor(t *testing.T) {
	for text, want := range map[string]string{
		"A process ends, or doesn't start": "a-process-ends-or-doesnt-start",
		"netsyctl cert ca":                 "netsyctl-cert-ca",
		"`netsy_build`":                    "netsy_build",
		"Header (`FileHeader`)":            "header-fileheader",
		"See [TLS](guides/tls.md) – now":   "see-tls--now",
		"Größe & Preis":                    "größe--preis",
	} {
		if got := anchor(text); got != want {
			t.Errorf("%q: %q, want %q", text, got, want)
		}
	}
	p := parse("# A\n```sh\n# not a heading\n[x](y)\n```\n## A\n## A\n[r]: z.md#q\n[i](<b.md>) ![p](c.png \"title\")\n")
	if got := fmt.Sprint(p.links, p.anchors); got != "[z.md#q b.md c.png] map[a:true a-1:true a-2:true]" {
		t.Error(got)
	}
}
