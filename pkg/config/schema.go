package config

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// Schema returns a JSON Schema (draft 2020-12) of the cluster file, for editors and for
// checks that run where Netsy doesn't. It accepts every file that Parse does, once its
// comments and trailing commas are gone; Parse also checks what a schema can't say.
func Schema() ([]byte, error) {
	root := object("A Netsy cluster's file: the same for every process of the cluster.")
	for i := range fields {
		f := &fields[i]
		at := root
		path := strings.Split(f.path, ".")
		for n, name := range path[:len(path)-1] {
			at = at.section(name, sections[strings.Join(path[:n+1], ".")])
		}
		name := path[len(path)-1]
		value := maps.Clone(f.schema)
		value["description"] = fmt.Sprintf("%s (%s; %s)", f.doc, f.kind, f.limits)
		if f.required {
			root.require(path)
		} else {
			value["default"] = json.RawMessage(f.def)
		}
		at.properties()[name] = value
	}
	root["$schema"] = "https://json-schema.org/draft/2020-12/schema"
	root["title"] = "Netsy cluster file"
	b, err := json.MarshalIndent(root, "", "  ")
	return append(b, '\n'), err
}

// node is the schema of an object.
type node map[string]any

func object(doc string) node {
	return node{"type": "object", "description": doc, "properties": map[string]any{}, "additionalProperties": false}
}

func (n node) properties() map[string]any { return n["properties"].(map[string]any) }

// section returns the object of that name within n, which it makes if it isn't there.
func (n node) section(name, doc string) node {
	s, ok := n.properties()[name].(node)
	if !ok {
		s = object(doc)
		n.properties()[name] = s
	}
	return s
}

// require makes each part of the path required: a section that must hold something must be there.
func (n node) require(path []string) {
	if list, _ := n["required"].([]string); !slices.Contains(list, path[0]) {
		n["required"] = append(list, path[0])
	}
	if len(path) > 1 {
		n.section(path[0], sections[path[0]]).require(path[1:])
	}
}
