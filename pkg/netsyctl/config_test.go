package netsyctl

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestConfigSampleIsValid(t *testing.T) {
	name := filepath.Join(t.TempDir(), "c.jsonc")
	if err := os.WriteFile(name, []byte(mustRun(t, "config", "sample")), 0o600); err != nil {
		t.Fatal(err)
	}
	if out := mustRun(t, "config", "validate", name); out != name+": valid\n" {
		t.Errorf("got %q", out)
	}
}

func TestConfigValidateReportsAll(t *testing.T) {
	name := filepath.Join(t.TempDir(), "c.jsonc")
	if err := os.WriteFile(name, []byte("{\n  \"cluster_id\": 1,\n  \"storage\": {}\n}"), 0o600); err != nil {
		t.Fatal(err)
	}
	out, err := run(t, "config", "validate", name)
	if err == nil || err.Error() != name+": 3 problems" || strings.Count(out, "\n") != 3 ||
		!strings.Contains(out, name+":2:17: cluster_id: must be a string") {
		t.Errorf("%v\n%s", err, out)
	}
	out, err = run(t, "config", "validate", "-o", "json", name)
	var v validation
	if err == nil || json.Unmarshal([]byte(out), &v) != nil || v.Valid || len(v.Problems) != 3 || v.Problems[2].Line != 2 {
		t.Errorf("%v\n%s", err, out)
	}
	if _, err := run(t, "config", "validate", "/none"); err == nil {
		t.Error("a missing file is valid")
	}
}

func TestConfigExplain(t *testing.T) {
	if out := mustRun(t, "config", "explain"); !strings.Contains(out, "NETSY_NODE_ID") || !strings.Contains(out, "etcd_api") {
		t.Errorf("got\n%s", out)
	}
	if out := mustRun(t, "config", "explain", "snapshot.keep"); !strings.HasPrefix(out, "snapshot.keep\n") || strings.Contains(out, "retention") {
		t.Errorf("got\n%s", out)
	}
	for arg, says := range map[string]string{"snapshot.kep": `did you mean "snapshot.keep"?`, "qqqqqqqqqqqqq": "lists them all"} {
		if _, err := run(t, "config", "explain", arg); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("%s: %v", arg, err)
		}
	}
}

func TestConfigSchema(t *testing.T) {
	var s struct {
		Schema   string   `json:"$schema"`
		Required []string `json:"required"`
	}
	if err := json.Unmarshal([]byte(mustRun(t, "config", "schema")), &s); err != nil || !strings.HasPrefix(s.Schema, "https://json-schema.org/") || strings.Join(s.Required, " ") != "cluster_id storage" {
		t.Errorf("%+v, %v", s, err)
	}
}
