package netsyctl

import (
	"bytes"
	"encoding/json"
	"reflect"
	"strings"
	"testing"
	"time"

	"go.yaml.in/yaml/v3"
	"pgregory.net/rapid"
)

func TestYAMLIsTheJSON(t *testing.T) {
	v := struct {
		Big    int64     `json:"big"`
		ID     uint64    `json:"id,string"`
		Yes    string    `json:"yes"`
		Null   *int      `json:"null_value"`
		Empty  []string  `json:"empty"`
		List   []string  `json:"list"`
		At     time.Time `json:"at"`
		Hidden string    `json:"-"`
	}{Big: 9007199254740993, ID: 18446744073709551615, Yes: "yes", List: []string{"a: b", "<&>", "1e3", "null", "two\nlines", "\u2028é"}, Empty: []string{}, At: time.Unix(0, 0).UTC()}
	var b bytes.Buffer
	if err := writeYAML(&b, v); err != nil {
		t.Fatal(err)
	}
	const want = "big: 9007199254740993\nid: \"18446744073709551615\"\n\"yes\": \"yes\"\nnull_value: null\nempty: []\nlist:\n"
	if !strings.HasPrefix(b.String(), want) || !strings.Contains(b.String(), "at: \"1970-01-01T00:00:00Z\"\n") || !strings.Contains(b.String(), "  - \"1e3\"\n  - \"null\"\n") {
		t.Errorf("got\n%s", b.String())
	}
}

// Whatever is shown, YAML and JSON say the same.
func TestYAMLRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		v := rapid.MapOf(rapid.String(), rapid.SliceOf(rapid.String())).Draw(t, "v")
		var y, j bytes.Buffer
		if err := writeYAML(&y, v); err != nil {
			t.Fatal(err)
		}
		if err := writeJSON(&j, v); err != nil {
			t.Fatal(err)
		}
		var fromY, fromJ map[string][]string
		if err := yaml.Unmarshal(y.Bytes(), &fromY); err != nil {
			t.Fatalf("%v:\n%s", err, y.String())
		}
		if err := json.Unmarshal(j.Bytes(), &fromJ); err != nil {
			t.Fatal(err)
		}
		for k := range fromJ { // nil and empty are told apart by neither test
			if len(fromJ[k]) == 0 && len(fromY[k]) == 0 {
				delete(fromJ, k)
				delete(fromY, k)
			}
		}
		if len(fromJ)+len(fromY) > 0 && !reflect.DeepEqual(fromY, fromJ) {
			t.Fatalf("%q\n%q\n%s", fromY, fromJ, y.String())
		}
	})
}
