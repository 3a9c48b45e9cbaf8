package main

import (
	"strings"
)

// outcome is what became of one test, the worst of all its runs.
type outcome int

const (
	unfinished outcome = iota // started, and never ended: its process died
	skipped
	passed
	failed
)

// testID names a test, or a whole package when test is empty.
type testID struct{ pkg, test string }

func (id testID) String() string {
	if id.test == "" {
		return id.pkg
	}
	return id.pkg + " " + id.test
}

// top returns the top-level test that id belongs to.
func (id testID) top() testID {
	id.test, _, _ = strings.Cut(id.test, "/")
	return id
}

// results collects what `go test -json` says. Tests are known by their package's path below
// pkg/storage. The zero value isn't ready: use newResults.
type results struct {
	tests    map[testID]outcome // with subtests
	packages map[string]outcome
	output   map[testID]*strings.Builder // of tests that haven't ended
}

func newResults() *results {
	return &results{tests: map[testID]outcome{}, packages: map[string]outcome{}, output: map[testID]*strings.Builder{}}
}

// add takes in one event, and returns what of the output so far is to be printed now.
func (r *results) add(e event, verbose bool) string {
	id := testID{pkg: strings.TrimPrefix(e.Package, upstreamModule+"/pkg/storage/"), test: e.Test}
	switch e.Action {
	case "run":
		if r.tests[id] != failed {
			r.tests[id] = unfinished
		}
	case "output", "build-output":
		r.keep(id.top(), e.Output)
	case "pass":
		return r.end(id, passed, verbose)
	case "skip":
		return r.end(id, skipped, verbose)
	case "fail", "build-fail":
		return r.end(id, failed, true)
	}
	return ""
}

// keep remembers output until the top-level test that it belongs to has ended.
func (r *results) keep(id testID, text string) {
	if r.output[id] == nil {
		r.output[id] = &strings.Builder{}
	}
	r.output[id].WriteString(text)
}

func (r *results) end(id testID, o outcome, show bool) string {
	if id.test == "" {
		r.packages[id.pkg] = o
	} else if r.tests[id] != failed { // an earlier run of the same test may have failed
		r.tests[id] = o
	}
	if id != id.top() || r.output[id] == nil {
		return ""
	}
	text := r.output[id].String()
	delete(r.output, id)
	if !show {
		return ""
	}
	return text
}
