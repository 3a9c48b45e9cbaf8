// Package docs checks what the pages of this directory say of the code.
package docs

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/netsy-io/netsy/pkg/elector"
	"github.com/netsy-io/netsy/pkg/registry"
)

// rows are the tables of a page, row by row, without their heads.
func rows(t *testing.T, page string) (out [][]string) {
	t.Helper()
	b, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	head := true
	for line := range strings.Lines(string(b)) {
		line = strings.TrimSpace(line)
		switch {
		case !strings.HasPrefix(line, "|"):
			head = true
		case strings.HasPrefix(line, "|---"):
			head = false
		case !head:
			cells := strings.Split(strings.Trim(line, "|"), "|")
			for i := range cells {
				cells[i] = strings.TrimSpace(cells[i])
			}
			out = append(out, cells)
		}
	}
	return out
}

const (
	scenarios = "failure-scenarios.md"

	quorumColumns   = 6
	scenarioColumns = 5
	timesColumns    = 3 // measured, by the tests named above them
)

// Every scenario names tests, and every test named is there, in the directory named.
func TestScenariosNameTests(t *testing.T) {
	have := map[string]bool{} // dir/TestName
	decl := regexp.MustCompile(`(?m)^func (Test\w+)\(`)
	err := filepath.WalkDir("..", func(path string, _ fs.DirEntry, err error) error {
		if err != nil || !strings.HasSuffix(path, "_test.go") {
			return err
		}
		b, err := os.ReadFile(path)
		for _, m := range decl.FindAllSubmatch(b, -1) {
			have[filepath.ToSlash(filepath.Dir(path))+"/"+string(m[1])] = true
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	name := regexp.MustCompile("`(Test\\w+)`")
	for _, row := range rows(t, scenarios) {
		if len(row) == quorumColumns || len(row) == timesColumns {
			continue
		}
		if len(row) != scenarioColumns {
			t.Errorf("%d columns, want %d: %v", len(row), scenarioColumns, row)
			continue
		}
		named := 0
		for part := range strings.SplitSeq(row[4], ";") {
			dir, names, _ := strings.Cut(strings.TrimSpace(part), ": ")
			for _, m := range name.FindAllStringSubmatch(names, -1) {
				if named++; !have["../"+dir+"/"+m[1]] {
					t.Errorf("%q: there is no %s in %s", row[0], m[1], dir)
				}
			}
		}
		if named == 0 {
			t.Errorf("%q: no test is named", row[0])
		}
	}
}

// The numbers of voters are those of the election's rule.
func TestQuorumTable(t *testing.T) {
	number := func(s string) int {
		t.Helper()
		n, err := strconv.Atoi(s)
		if err != nil {
			t.Fatal(err)
		}
		return n
	}
	seen := 0
	for _, row := range rows(t, scenarios) {
		if len(row) != quorumColumns {
			continue
		}
		seen++
		voters, quorum := number(row[0]), -1
		if row[1] != "any" {
			quorum = number(row[1])
		}
		d := registry.Durability{Mode: registry.ModeQuorum, Quorum: quorum}
		if voters == 1 || quorum == 0 {
			d.Mode = registry.ModeObjectStorage
		}
		for i := range voters {
			d.Voters = append(d.Voters, registry.NodeRef{NodeID: strconv.Itoa(i), Incarnation: "1"})
		}
		needs := elector.NeededPromises(d)
		r, on, fail := 0, "the object log", "all"
		if d.Mode == registry.ModeQuorum {
			r = voters - needs
			on, fail = strconv.Itoa(r+1)+" voters", strconv.Itoa(r)
		}
		want := []string{row[0], row[1], strconv.Itoa(r), on, strconv.Itoa(needs), fail}
		for i := range want {
			if row[i] != want[i] {
				t.Errorf("%v, want %v", row, want)
				break
			}
		}
	}
	if seen < 10 {
		t.Errorf("only %d rows", seen)
	}
}
