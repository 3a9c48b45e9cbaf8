package main

import (
	"fmt"
	"io"
	"strings"
	"testing"
)

const pkg = upstreamModule + "/pkg/storage/etcd3"

// stream is the output of `go test -json` for enough passing tests, and then the given lines.
func stream(lines ...string) io.Reader {
	var b strings.Builder
	for i := range allTests {
		fmt.Fprintf(&b, `{"Action":"run","Package":%q,"Test":"TestOK%d"}`+"\n", pkg, i)
		fmt.Fprintf(&b, `{"Action":"pass","Package":%q,"Test":"TestOK%d"}`+"\n", pkg, i)
	}
	for _, line := range lines {
		b.WriteString(strings.ReplaceAll(line, "PKG", `"Package":"`+pkg+`"`) + "\n")
	}
	return strings.NewReader(b.String())
}

func TestJudge(t *testing.T) {
	known := []exception{{pkg: "etcd3", test: "TestKnown", reason: "because"}}
	failKnown := []string{`{"Action":"run",PKG,"Test":"TestKnown"}`, `{"Action":"fail",PKG,"Test":"TestKnown"}`, `{"Action":"fail",PKG}`}
	cases := []struct {
		name       string
		lines      []string
		exceptions []exception
		want       string // in the error; empty for none
	}{
		{"all pass", nil, nil, ""},
		{"unlisted failure", failKnown, nil, "etcd3 TestKnown failed"},
		{"listed failure", failKnown, known, ""},
		{"listed test passes", []string{`{"Action":"run",PKG,"Test":"TestKnown"}`, `{"Action":"pass",PKG,"Test":"TestKnown"}`}, known, "TestKnown passed: take it off"},
		{"listed test is gone", nil, known, "TestKnown doesn't exist"},
		{"process dies", []string{`{"Action":"run",PKG,"Test":"TestHang"}`, `{"Action":"fail",PKG}`}, nil, "TestHang didn't finish"},
		{"build fails", []string{`{"Action":"fail",PKG}`}, nil, "failed outside its tests"},
		{"second run passes", []string{`{"Action":"run",PKG,"Test":"TestFlaky"}`, `{"Action":"fail",PKG,"Test":"TestFlaky"}`,
			`{"Action":"run",PKG,"Test":"TestFlaky"}`, `{"Action":"pass",PKG,"Test":"TestFlaky"}`}, nil, "TestFlaky failed"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			r := newResults()
			if err := r.read(stream(c.lines...), io.Discard, false); err != nil {
				t.Fatal(err)
			}
			err := judge(r, c.exceptions, allTests).err
			if (err == nil) != (c.want == "") || err != nil && !strings.Contains(err.Error(), c.want) {
				t.Errorf("got error %v, want %q", err, c.want)
			}
		})
	}
}

// A run in which nothing ran, or less than there is, proves nothing.
func TestJudgeTooFew(t *testing.T) {
	for _, least := range []int{allTests, 0} {
		if err := judge(newResults(), nil, least).err; err == nil || !strings.Contains(err.Error(), "no test ran") {
			t.Errorf("at least %d: got error %v", least, err)
		}
	}
	r := newResults()
	r.add(event{Action: "pass", Package: pkg, Test: "TestOne"}, false)
	if err := judge(r, nil, allTests).err; err == nil || !strings.Contains(err.Error(), "1 tests ran, of at least") {
		t.Errorf("got error %v", err)
	}
	if err := judge(r, nil, 0).err; err != nil {
		t.Errorf("one test was asked for and passed: %v", err)
	}
}

// Output is shown for failed tests, with that of their subtests, and not for others.
func TestReadPrintsFailures(t *testing.T) {
	var out strings.Builder
	r := newResults()
	in := stream(
		`{"Action":"run",PKG,"Test":"TestA"}`, `{"Action":"output",PKG,"Test":"TestA/sub","Output":"why\n"}`, `{"Action":"fail",PKG,"Test":"TestA/sub"}`,
		`{"Action":"fail",PKG,"Test":"TestA"}`, `{"Action":"run",PKG,"Test":"TestB"}`, `{"Action":"output",PKG,"Test":"TestB","Output":"noise\n"}`, `{"Action":"pass",PKG,"Test":"TestB"}`)
	if err := r.read(in, &out, false); err != nil {
		t.Fatal(err)
	}
	if out.String() != "why\n" {
		t.Errorf("printed %q", out.String())
	}
}
