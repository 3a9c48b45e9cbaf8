package main

import (
	"fmt"
	"maps"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// TestMain lets the test program be a server, as the program is.
func TestMain(m *testing.M) {
	if len(os.Args) > 1 && os.Args[1] == serveArg {
		exit(serve(os.Args[2:]))
	}
	os.Exit(m.Run())
}

// TestRun runs all loads shortly: each server must come to a figure.
func TestRun(t *testing.T) {
	if testing.Short() {
		t.Skip("it starts servers")
	}
	var out strings.Builder
	dir := t.TempDir()
	o := options{
		targets: []string{noopName, "etcd", "netsy"}, clients: []int{3}, duration: 20 * time.Millisecond, rounds: 2, quick: true,
		keys: 200, out: &out, dir: dir, json: filepath.Join(dir, "json"),
	}
	for _, s := range shapes {
		o.shapes = append(o.shapes, s.name)
	}
	o.shapes = append(o.shapes, "memory")
	o.setDefaults()
	if err := run(t.Context(), o); err != nil {
		t.Errorf("%v", err)
	}
	for _, s := range shapes {
		_, table, ok := strings.Cut(out.String(), "\n"+s.name+", 3 ")
		table, _, _ = strings.Cut(table, "\n\n")
		if !ok || !strings.Contains(table, "  etcd ") || !strings.Contains(table, "  netsy ") || strings.Contains(table, noopName+" ") != (s.name != "watch") {
			t.Errorf("%s has no whole table:\n%s", s.name, table)
		}
	}
	for _, want := range []string{"etcd v", "fdatasync of an append", "others took at most", "compacted", "The run took"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("%q isn't in the output", want)
		}
	}
	if t.Failed() {
		t.Log(out.String())
	}
	left, err := filepath.Glob(filepath.Join(dir, "netsy-*"))
	if err != nil || len(left) > 0 {
		t.Errorf("data are left: %v, %v", left, err)
	}
	if b, err := os.ReadFile(o.json); err != nil || !strings.Contains(string(b), `"server_cpu_ns"`) {
		t.Errorf("the samples: %v", err)
	}
}

func TestPlan(t *testing.T) {
	full, brief := options{}, options{quick: true}
	full.setDefaults()
	brief.setDefaults()
	loads := func(o options) (n int) {
		for _, jobs := range o.plan() {
			n += len(jobs)
			for _, j := range jobs {
				if j.load.duration != o.duration || j.load.clients < 1 {
					t.Errorf("%s: %+v", j.shape.name, j.load)
				}
			}
		}
		return n
	}
	measuring := func(o options) time.Duration {
		return time.Duration(loads(o)*o.rounds*len(kinds)) * o.duration
	}
	if d := measuring(full); d > 50*time.Minute || full.rounds < 5 {
		t.Errorf("all loads take %v", d)
	}
	if d := measuring(brief); d > 150*time.Second || len(brief.plan()) != 1 {
		t.Errorf("the quick loads take %v, in %d groups", d, len(brief.plan()))
	}
}

func TestParse(t *testing.T) {
	for _, args := range [][]string{{"-shapes", "creat"}, {"-targets", "netsy,etc"}, {"-clients", "0"}, {"-value", "x"}} {
		if _, err := parse(args); err == nil {
			t.Errorf("%v is taken", args)
		}
	}
	o, err := parse([]string{"-quick", "-shapes", "memory,create", "-rounds", "7"})
	if err != nil || o.rounds != 7 || o.duration != quickDuration || len(o.shapes) != 2 {
		t.Errorf("%+v, %v", o, err)
	}
}

func TestS3Kind(t *testing.T) {
	for request, want := range map[string]string{
		"GET /b?list-type=2&prefix=chunks": "list", "GET /b/k": "get", "HEAD /b/k": "stat", "PUT /b/k?x-id=PutObject": "put", "DELETE /b/k": "delete",
		"POST /b/k?uploads=": "part POST", "PUT /b/k?uploadId=1&partNumber=1": "part PUT", "OPTIONS /": "OPTIONS",
	} {
		var method, url string
		fmt.Sscan(request, &method, &url)
		if got := s3Kind(httptest.NewRequest(method, url, nil)); got != want {
			t.Errorf("%s is %s, want %s", request, got, want)
		}
	}
}

func TestCountsAreCompared(t *testing.T) {
	before, after := map[string]int{"put": 3}, map[string]int{"put": 5, "get": 1}
	if got, want := minusCounts(after, before), map[string]int{"put": 2, "get": 1}; !maps.Equal(got, want) {
		t.Errorf("%v, want %v", got, want)
	}
	if got := nonZero(map[string]int{"put": 0, "get": 1}); !maps.Equal(got, map[string]int{"get": 1}) {
		t.Errorf("%v", got)
	}
}

func TestFailuresCount(t *testing.T) {
	r := &results{
		Loads:    []*result{{Err: "wrong"}, {Err: "skipped", skipped: true}, {}},
		Memory:   []*memoryResult{{Err: "slow"}, {}},
		Requests: []*requestResult{{Err: "differs"}}, Puts: []*putResult{{Err: "lost"}},
	}
	if n := r.failures(); n != 4 {
		t.Errorf("%d failures, want 4", n)
	}
}
