package config

import (
	"fmt"
	"strings"
)

// sampleValues fill in what has no default.
var sampleValues = map[string]string{
	"cluster_id": `"dev-cluster"`, "storage.provider": `"s3"`, "storage.bucket_name": `"my-netsy-bucket"`,
}

// Sample returns a whole cluster file, valid as it is but for the bucket's name:
// every field with its default and its explanation as a comment.
func Sample() string {
	var b strings.Builder
	b.WriteString("{\n")
	writeSection(&b, "", "  ")
	b.WriteString("}\n")
	return b.String()
}

func writeSection(b *strings.Builder, section, indent string) {
	names := namesIn(section)
	for i, name := range names {
		path := name
		if section != "" {
			path = section + "." + name
		}
		comma := ","
		if i == len(names)-1 {
			comma = ""
		}
		if f := findField(path); f != nil {
			writeComment(b, f.doc, indent)
			fmt.Fprintf(b, "%s%q: %s%s\n", indent, name, f.sample(), comma)
			continue
		}
		writeComment(b, sections[path], indent)
		fmt.Fprintf(b, "%s%q: {\n", indent, name)
		writeSection(b, path, indent+"  ")
		fmt.Fprintf(b, "%s}%s\n", indent, comma)
	}
}

func (f *field) sample() string {
	if v, ok := sampleValues[f.path]; ok {
		return v
	}
	return f.def
}

// writeComment wraps at a width that fits a terminal beside the indentation.
func writeComment(b *strings.Builder, text, indent string) {
	const width = 100
	line := indent + "//"
	for _, word := range strings.Fields(text) {
		if len(line)+1+len(word) > width {
			b.WriteString(line + "\n")
			line = indent + "//"
		}
		line += " " + word
	}
	b.WriteString(line + "\n")
}
