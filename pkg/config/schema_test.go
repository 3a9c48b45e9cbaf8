package config

import (
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/tailscale/hujson"
)

// check is as much of a JSON Schema validator as Schema needs; a keyword that it doesn't know
// fails the test.
func check(t *testing.T, schema map[string]any, v any, at string) (problems []string) {
	t.Helper()
	bad := func(format string, args ...any) { problems = append(problems, at+": "+fmt.Sprintf(format, args...)) }
	for keyword, want := range schema {
		switch keyword {
		case "$schema", "title", "description", "default":
		case "type":
			if got := typeOf(v); got != want {
				bad("is a %s, not a %s", got, want)
			}
		case "enum":
			if !slices.Contains(want.([]any), v) {
				bad("%v is none of %v", v, want)
			}
		case "minimum", "maximum":
			n, ok := v.(float64)
			if limit := want.(float64); ok && (keyword == "minimum" && n < limit || keyword == "maximum" && n > limit) {
				bad("%v is beyond %s %v", n, keyword, limit)
			}
		case "pattern":
			if s, ok := v.(string); ok && !regexp.MustCompile(want.(string)).MatchString(s) {
				bad("%q is not like %s", s, want)
			}
		case "required":
			if o, ok := v.(map[string]any); ok {
				for _, name := range want.([]any) {
					if _, there := o[name.(string)]; !there {
						bad("%v is missing", name)
					}
				}
			}
		case "properties":
			o, _ := v.(map[string]any)
			for name, x := range o {
				if p, ok := want.(map[string]any)[name]; ok {
					problems = append(problems, check(t, p.(map[string]any), x, at+"."+name)...)
				} else if schema["additionalProperties"] == false {
					bad("%s is unknown", name)
				}
			}
		case "additionalProperties":
		default:
			t.Fatalf("%s: keyword %q", at, keyword)
		}
	}
	return problems
}

func typeOf(v any) string {
	switch v := v.(type) {
	case map[string]any:
		return "object"
	case string:
		return "string"
	case bool:
		return "boolean"
	case float64:
		if v == float64(int64(v)) {
			return "integer"
		}
		return "number"
	}
	return fmt.Sprintf("%T", v)
}

func schemaOf(t *testing.T) map[string]any {
	t.Helper()
	b, err := Schema()
	var s map[string]any
	if err == nil {
		err = json.Unmarshal(b, &s)
	}
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func checkFile(t *testing.T, schema map[string]any, file string) []string {
	t.Helper()
	b, err := hujson.Standardize([]byte(file))
	var v any
	if err == nil {
		err = json.Unmarshal(b, &v)
	}
	if err != nil {
		t.Fatalf("%v:\n%s", err, file)
	}
	return check(t, schema, v, "")
}

// The sample is what the schema describes, and each default is allowed.
func TestSchemaAcceptsSample(t *testing.T) {
	schema := schemaOf(t)
	if p := checkFile(t, schema, Sample()); len(p) > 0 {
		t.Error(p)
	}
	for _, file := range []string{`{}`, `{"cluster_id": "x"}`, `{"cluster_id": "x", "storage": {"provider": "s3"}}`,
		`{"cluster_id": "x", "storage": {"provider": "s3", "bucket_name": "b"}, "bogus": 1}`, `[]`} {
		if len(checkFile(t, schema, file)) == 0 {
			t.Errorf("%s is accepted", file)
		}
	}
}

// Setting by setting, whatever Parse accepts the schema does; and it refuses other types,
// values that aren't listed, and numbers beyond the range.
func TestSchemaAgreesWithParse(t *testing.T) {
	schema := schemaOf(t)
	values := []string{`"x"`, `""`, `"s3"`, `"file"`, `"/dir"`, `"kms"`, `"STANDARD"`, `"etcd"`, `"http://h:1"`, `true`, `false`, `null`, `1.5`, `[]`, `{}`,
		`"0"`, `"1s"`, `"1.5s"`, `"+1m30s"`, `"500ms"`, `"90000us"`, `"1h0m0s"`, `"-1s"`, `"1d"`, `"1 s"`, `".5m"`, `"300000µs"`}
	for _, n := range []int{-2, -1, 0, 1, 2, 3, 63, 64, 65, 100, 101, 1000, 1001, 525600, 525601, 1 << 30, 1<<30 + 1} {
		values = append(values, fmt.Sprint(n))
	}
	for i := range fields {
		f := &fields[i]
		accepted, refused := 0, 0
		for _, v := range values {
			file := fileWith(t, f.path, v)
			_, err := Parse("f", []byte(file))
			problems := checkFile(t, schema, file)
			if inField := err != nil && strings.Contains(err.Error(), f.path+": "); !inField && len(problems) > 0 {
				t.Errorf("%s: %s: Parse accepts it, the schema doesn't: %v", f.path, v, problems)
			} else if inField && len(problems) == 0 && (f.kind == "integer" || f.kind == "boolean" || strings.HasPrefix(f.limits, `"`) || !strings.HasPrefix(v, `"`)) {
				t.Errorf("%s: %s: the schema accepts it, Parse doesn't: %v", f.path, v, err)
			}
			if len(problems) == 0 {
				accepted++
			} else {
				refused++
			}
		}
		if accepted == 0 || refused == 0 {
			t.Errorf("%s: %d accepted, %d refused", f.path, accepted, refused)
		}
	}
}

// fileWith is a whole file with one setting changed.
func fileWith(t *testing.T, path, value string) string {
	t.Helper()
	root := map[string]any{"cluster_id": "x", "storage": map[string]any{"provider": "s3", "bucket_name": "b"}}
	at, parts := root, strings.Split(path, ".")
	for _, name := range parts[:len(parts)-1] {
		if at[name] == nil {
			at[name] = map[string]any{}
		}
		at = at[name].(map[string]any)
	}
	at[parts[len(parts)-1]] = json.RawMessage(value)
	b, err := json.Marshal(root)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}
