package config

import (
	"flag"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/tailscale/hujson"
)

var update = flag.Bool("update", false, "rewrite docs/configuration.md and docs/cluster.example.jsonc")

func TestDocsAreCurrent(t *testing.T) {
	for name, want := range map[string]string{
		"../../docs/configuration.md":      Reference(),
		"../../docs/cluster.example.jsonc": Sample(),
	} {
		if *update {
			if err := os.WriteFile(name, []byte(want), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		got, err := os.ReadFile(name)
		if err != nil || string(got) != want {
			t.Errorf("%s is not what the code says (%v): run go test ./pkg/config -update", name, err)
		}
	}
}

// The sample must be accepted, hold every field, and hold the defaults.
func TestSample(t *testing.T) {
	c, err := Parse("sample", []byte(Sample()))
	if err != nil {
		t.Fatal(err)
	}
	d := Defaults()
	d.ClusterID, d.Storage.Provider, d.Storage.BucketName = c.ClusterID, c.Storage.Provider, c.Storage.BucketName
	if *c != *d {
		t.Errorf("sample %+v differs from the defaults %+v", *c, *d)
	}
	v, err := hujson.Parse([]byte(Sample()))
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range fields {
		if v.Find("/"+strings.ReplaceAll(f.path, ".", "/")) == nil {
			t.Errorf("the sample lacks %s", f.path)
		}
	}
}

func TestFieldTable(t *testing.T) {
	form, seen := regexp.MustCompile(`^[a-z0-9_]+(\.[a-z0-9_]+)*$`), map[string]bool{}
	for _, f := range fields {
		if !form.MatchString(f.path) || seen[f.path] || f.doc == "" || f.limits == "" {
			t.Errorf("entry %q is malformed or twice", f.path)
		}
		seen[f.path] = true
		if s := sectionOf(f.path); s != "" && sections[s] == "" {
			t.Errorf("section %q is not explained", s)
		}
		if f.required {
			continue
		}
		c := Defaults()
		if err := f.set(c, hujson.Literal(f.def)); err != nil || f.show(c) != f.def {
			t.Errorf("%s: its default %s is not accepted: %v", f.path, f.def, err)
		}
	}
}

func TestExplain(t *testing.T) {
	for name, says := range map[string]string{
		"":                   "compaction_interval",
		"replication":        "replication.chunk_buffer.threshold_size_mb",
		"replication.quorum": "-1 to 63",
		"NETSY_NODE_ID":      "required",
		"--bind-client":      "default :2378",
		"data-dir":           "/var/lib/netsy",
	} {
		if text, ok := Explain(name); !ok || !strings.Contains(text, says) {
			t.Errorf("Explain(%q) = %q, %v", name, text, ok)
		}
	}
	if text, ok := Explain("replication.qorum"); ok || !strings.Contains(text, `did you mean "replication.quorum"?`) {
		t.Errorf("got %q, %v", text, ok)
	}
}
