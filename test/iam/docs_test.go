//go:build linux

package iam

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

const page = "../../docs/iam.md"

// rows are the lines of a role's table: what each cloud's policy says of each key.
func rows(t *testing.T, role string) (out []string) {
	t.Helper()
	s3, gcs := map[string][]string{}, map[string][]string{}
	add := func(to map[string][]string, key, what string) {
		if !slices.Contains(to[key], what) {
			to[key] = append(to[key], what)
		}
	}
	p, err := ParsePolicy(render(t, "s3/"+role+".json", keyPrefix))
	must(t, err)
	for _, st := range p.Statement {
		for _, a := range st.Action {
			for _, r := range st.Resource {
				if key, ok := strings.CutPrefix(r, "arn:aws:s3:::"+bucketName+"/"+keyPrefix); ok {
					add(s3, key, strings.TrimSuffix(strings.TrimPrefix(a, "s3:"), "Object"))
				}
			}
		}
	}
	for _, g := range gcsGrants(t, role, keyPrefix) {
		c := g.(clauseGrant)
		if _, rest, ok := strings.Cut(c.clause, "/objects/"+keyPrefix); ok {
			key, _, _ := strings.Cut(rest, "'")
			if strings.Contains(c.clause, "startsWith") {
				key += "*"
			}
			add(gcs, key, strings.TrimPrefix(c.permission, "storage.objects."))
		}
	}
	keys := map[string]bool{}
	for k := range s3 {
		keys[k] = true
	}
	for k := range gcs {
		keys[k] = true
	}
	for k := range reasons[role] {
		keys[k] = true
	}
	sorted := make([]string, 0, len(keys))
	for k := range keys {
		sorted = append(sorted, k)
	}
	slices.Sort(sorted)
	for _, k := range sorted {
		why, ok := reasons[role][k]
		if !ok || s3[k] == nil || gcs[k] == nil {
			t.Errorf("%s, %s: S3 %v, GCS %v, reason %v", role, k, s3[k], gcs[k], why)
		}
		out = append(out, fmt.Sprintf("| `%s` | %s | %s | `%s` | %s |", k, strings.Join(s3[k], ", "), strings.Join(gcs[k], ", "), strings.ReplaceAll(why.calls, ", ", "`, `"), why.when))
	}
	return out
}

// TestDocs: docs/iam.md has the table of what the policies say, with a reason for each
// line; -update writes it.
func TestDocs(t *testing.T) {
	var b strings.Builder
	for _, role := range roles {
		fmt.Fprintf(&b, "### %s\n\n| key | S3: `s3:…Object` | GCS: `storage.objects.…` | call | when |\n|---|---|---|---|---|\n", role)
		b.WriteString(strings.Join(rows(t, role), "\n") + "\n\n")
	}
	doc, err := os.ReadFile(page)
	must(t, err)
	const begin, end = "<!-- table: cd test/iam && go test -run TestDocs . -update -->\n\n", "<!-- end of table -->"
	before, rest, ok1 := strings.Cut(string(doc), begin)
	_, after, ok2 := strings.Cut(rest, end)
	if !ok1 || !ok2 {
		t.Fatalf("%s has no place for the table", page)
	}
	want := before + begin + b.String() + end + after
	if *update {
		must(t, os.WriteFile(page, []byte(want), 0o644))
	} else if want != string(doc) {
		t.Errorf("%s isn't what the policies say: cd test/iam && go test -run TestDocs . -update", page)
	}
}

// TestReasons: the calls that are named are there.
func TestReasons(t *testing.T) {
	for role, keys := range reasons {
		for key, r := range keys {
			for call := range strings.SplitSeq(r.calls, ", ") {
				pkg, name, _ := strings.Cut(call, ".")
				files, err := filepath.Glob("../../pkg/" + pkg + "/*.go")
				must(t, err)
				declared := regexp.MustCompile(`(?m)^func (\([a-z]+ \*?[A-Za-z]+\) )?` + name + `(\[|\()`)
				if !slices.ContainsFunc(files, func(f string) bool {
					b, err := os.ReadFile(f)
					return err == nil && declared.Match(b)
				}) {
					t.Errorf("%s, %s: there is no %s", role, key, call)
				}
			}
		}
	}
}

// TestRender: the script fills in what the tests fill in, and nothing is left over.
func TestRender(t *testing.T) {
	files, err := filepath.Glob(filepath.Join(dir, "*", "*.json"))
	must(t, err)
	for _, f := range files {
		name, _ := filepath.Rel(dir, f)
		cmd := exec.Command(filepath.Join(dir, "render.sh"), f)
		cmd.Env = append(os.Environ(), "BUCKET="+bucketName, "PREFIX="+keyPrefix, "KMS_KEY_ARN="+kmsKey, "PROJECT=my-project")
		out, err := cmd.Output()
		if err != nil || string(out) != string(render(t, name, keyPrefix)) || strings.Contains(string(out), "${") {
			t.Errorf("%s: %v\n%s", name, err, out)
		}
	}
	cmd := exec.Command(filepath.Join(dir, "render.sh"), files[0])
	cmd.Env = append(os.Environ(), "BUCKET=b", "PREFIX=prod")
	if err := cmd.Run(); err == nil {
		t.Error("a prefix without its slash was taken")
	}
}
