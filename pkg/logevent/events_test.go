package logevent

import (
	"flag"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "rewrite the tables of docs/logs.md")

const (
	page        = "../../docs/logs.md"
	tablesBegin = "<!-- tables: written by go test ./pkg/logevent -update -->\n"
	tablesEnd   = "<!-- end -->\n"
)

// group is one block of constants.
type group struct {
	title  string
	events []event
}

type event struct{ name, value, doc string }

// declared reads events.go: its comments are the documentation.
func declared(t *testing.T) (groups []group) {
	t.Helper()
	f, err := parser.ParseFile(token.NewFileSet(), "events.go", nil, parser.ParseComments)
	if err != nil {
		t.Fatal(err)
	}
	for _, d := range f.Decls {
		g, ok := d.(*ast.GenDecl)
		if !ok || g.Tok != token.CONST || !g.Lparen.IsValid() {
			continue
		}
		block := group{title: strings.TrimSuffix(strings.TrimSpace(g.Doc.Text()), ".")}
		for _, s := range g.Specs {
			v := s.(*ast.ValueSpec)
			name := v.Names[0].Name
			value, err := strconv.Unquote(v.Values[0].(*ast.BasicLit).Value)
			if err != nil {
				t.Fatal(err)
			}
			doc, found := strings.CutPrefix(strings.Join(strings.Fields(v.Doc.Text()), " "), name+": ")
			if !found {
				t.Errorf("%s has no comment that begins with its name and a colon", name)
			}
			block.events = append(block.events, event{name, value, doc})
		}
		groups = append(groups, block)
	}
	return groups
}

// TestPage compares docs/logs.md with the constants.
func TestPage(t *testing.T) {
	var b strings.Builder
	for _, g := range declared(t) {
		fmt.Fprintf(&b, "\n### %s\n\n| event | |\n|---|---|\n", g.title)
		for _, e := range g.events {
			fmt.Fprintf(&b, "| `%s` | %s |\n", e.value, e.doc)
		}
	}
	want := b.String() + "\n"
	have, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	head, rest, found := strings.Cut(string(have), tablesBegin)
	got, tail, ended := strings.Cut(rest, tablesEnd)
	if !found || !ended {
		t.Fatalf("%s: the marks around the tables are gone", page)
	}
	if *update {
		got = want
		if err := os.WriteFile(page, []byte(head+tablesBegin+want+tablesEnd+tail), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if got != want {
		t.Errorf("%s is not what events.go says: run go test ./pkg/logevent -update", page)
	}
}

// TestConstants: names are of one form, and each stands for one thing.
func TestConstants(t *testing.T) {
	seen := map[string]string{}
	for _, g := range declared(t) {
		for _, e := range g.events {
			if !regexp.MustCompile(`^[a-z]+(_[a-z]+)*$`).MatchString(e.value) {
				t.Errorf("%s is %q", e.name, e.value)
			}
			if other := seen[e.value]; other != "" {
				t.Errorf("%s and %s are both %q", e.name, other, e.value)
			}
			seen[e.value] = e.name
		}
	}
}

// TestUse reads the whole of Netsy's code: every line that is logged at info or above has an
// event, every event is one of the constants, and every constant is used.
func TestUse(t *testing.T) {
	used := map[string]bool{}
	for _, dir := range []string{"../../pkg", "../../cmd"} {
		err := filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
			if err != nil || d.IsDir() || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") || filepath.Base(filepath.Dir(path)) == "logevent" {
				return err
			}
			fset := token.NewFileSet()
			f, err := parser.ParseFile(fset, path, nil, 0)
			if err != nil {
				return err
			}
			ast.Inspect(f, func(n ast.Node) bool {
				switch n := n.(type) {
				case *ast.SelectorExpr:
					if x, ok := n.X.(*ast.Ident); ok && x.Name == "logevent" {
						used[n.Sel.Name] = true
					}
				case *ast.CallExpr:
					checkCall(t, fset, n)
				case *ast.CompositeLit:
					checkFields(t, fset, n.Elts)
				}
				return true
			})
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	for _, g := range declared(t) {
		for _, e := range g.events {
			if !used[e.name] {
				t.Errorf("%s (%s) is used nowhere", e.name, e.value)
			}
		}
	}
}

func checkCall(t *testing.T, fset *token.FileSet, c *ast.CallExpr) {
	at := checkFields(t, fset, c.Args)
	f, ok := c.Fun.(*ast.SelectorExpr)
	if !ok || !slices.Contains([]string{"Info", "Warn", "Error"}, f.Sel.Name) || !isLogger(f.X) {
		return
	}
	if at < 0 && !c.Ellipsis.IsValid() {
		t.Errorf("%s: a line is logged without an event", fset.Position(c.Pos()))
	}
}

// isLogger knows loggers by what they are called.
func isLogger(x ast.Expr) bool {
	switch x := x.(type) {
	case *ast.Ident:
		return slices.Contains([]string{"log", "logger"}, strings.ToLower(x.Name))
	case *ast.SelectorExpr:
		return slices.Contains([]string{"log", "logger"}, strings.ToLower(x.Sel.Name))
	}
	return false
}

// checkFields looks at the value after "event", and says where that is; -1: nowhere.
func checkFields(t *testing.T, fset *token.FileSet, args []ast.Expr) int {
	i := slices.IndexFunc(args, func(a ast.Expr) bool {
		l, ok := a.(*ast.BasicLit)
		return ok && l.Value == `"event"`
	})
	if i < 0 || i+1 == len(args) {
		return -1
	}
	ast.Inspect(args[i+1], func(n ast.Node) bool {
		if l, ok := n.(*ast.BasicLit); ok {
			t.Errorf("%s: the event is %s instead of one of the constants", fset.Position(l.Pos()), l.Value)
		}
		return true
	})
	return i
}
