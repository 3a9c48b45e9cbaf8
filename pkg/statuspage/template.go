package statuspage

import (
	"crypto/sha256"
	"embed"
	"encoding/base64"
	"fmt"
	"html/template"
)

//go:embed page.html style.css live.js
var files embed.FS

var (
	style     = embedded("style.css")
	script    = embedded("live.js")
	templates = template.Must(template.New("").Funcs(template.FuncMap{
		"style":  func() template.CSS { return template.CSS(style) },
		"script": func() template.JS { return template.JS(script) },
	}).ParseFS(files, "page.html"))
)

func embedded(name string) string {
	b, err := files.ReadFile(name)
	if err != nil {
		panic(err) // go:embed would have failed
	}
	return string(b)
}

// protection is set on every answer. The page is one document with its style and its script, which
// are named by their hashes: nothing else is loaded, run or framed.
var protection = map[string]string{
	"Content-Security-Policy": fmt.Sprintf("default-src 'none'; style-src '%s'; script-src '%s'; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
		hash(style), hash(script)),
	"X-Content-Type-Options":       "nosniff",
	"X-Frame-Options":              "DENY",
	"Referrer-Policy":              "no-referrer",
	"Cross-Origin-Resource-Policy": "same-origin",
	"Cache-Control":                "no-store",
}

// hash is how a content security policy names an inline element.
func hash(content string) string {
	sum := sha256.Sum256([]byte(content))
	return "sha256-" + base64.StdEncoding.EncodeToString(sum[:])
}
