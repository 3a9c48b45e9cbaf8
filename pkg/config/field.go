package config

import "github.com/tailscale/hujson"

// field is one setting of the cluster file, with everything that is known of it.
type field struct {
	path     string
	kind     string
	limits   string
	def      string // as JSON
	doc      string
	required bool
	schema   map[string]any // of the value

	reset func(*Cluster)
	set   func(*Cluster, hujson.Literal) error
	show  func(*Cluster) string // as JSON
}

// optional makes a field with a default.
func optional[T any](path string, at func(*Cluster) *T, def T, c codec[T], doc string) field {
	return field{
		path: path, kind: c.kind, limits: c.limits, def: c.show(def), doc: doc, schema: c.schema,
		reset: func(x *Cluster) { *at(x) = def },
		show:  func(x *Cluster) string { return c.show(*at(x)) },
		set: func(x *Cluster, l hujson.Literal) error {
			v, err := c.parse(l)
			if err == nil {
				*at(x) = v
			}
			return err
		},
	}
}

// required makes a field that the file must have.
func required[T any](path string, at func(*Cluster) *T, c codec[T], doc string) field {
	var none T
	f := optional(path, at, none, c, doc)
	f.required, f.def = true, ""
	return f
}
