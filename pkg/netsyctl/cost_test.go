package netsyctl

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"regexp"
	"strings"
	"sync/atomic"
	"testing"
)

// A process that asks ten things more each time that it is looked at.
func TestCost(t *testing.T) {
	l := newLab(t)
	var looks atomic.Int64
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/metrics" {
			t.Errorf("asked for %s", r.URL)
		}
		fmt.Fprintf(w, "# TYPE process_start_time_seconds gauge\nprocess_start_time_seconds 1\n"+
			"# TYPE netsy_objectstore_operations_total counter\nnetsy_objectstore_operations_total{op=\"put\",result=\"ok\"} %d\n", 10*looks.Add(1))
	}))
	defer srv.Close()
	var x shownCost
	out, err := l.top("cost", "--window", "1s", "--health-port", "0", "--metrics", srv.URL, "--metrics", strings.TrimPrefix(srv.URL, "http://"), "--metrics", "127.0.0.1:1", "-o", "json")
	l.must(errors.Join(err, json.Unmarshal([]byte(out), &x)))
	if len(x.Processes) != 2 || x.Processes[0].Seconds < 1 || x.Processes[1].Error == "" || len(x.Operations) != 1 || x.Operations[0].Measured != 10 {
		t.Errorf("%s", out)
	}
	if o := x.Operations[0]; o.Month > 10*730*3600 || o.Month < 10*730*360 || o.Cost != o.Month/1000*0.005 || x.Total != x.Requests+x.Storage || x.Storage <= 0 {
		t.Errorf("%s", out)
	}
	out, err = l.top("cost", "--since-start", "--health-port", "0", "--metrics", srv.URL, "--price-put-per-1000", "0", "--price-storage-gb-month", "1000000")
	if err != nil || !strings.Contains(out, "1 of 1 processes, each since its start") || !strings.Contains(out, "put            put        30 ") {
		t.Errorf("%v\n%s", err, out)
	}
}

// The bucket alone says what is stored.
func TestCostOfBucket(t *testing.T) {
	l := newLab(t)
	out, err := l.top("cost", "--health-port", "1", "--prices", prices(t, `{"storage_gb_month": 1000000}`))
	l.must(err)
	i := strings.Index(out, "STORED")
	if !strings.Contains(out[:i], "no process answers") || strings.Count(out[:i], "left out") != 1 { // all are on one host
		t.Errorf("%s", out)
	}
	varies := regexp.MustCompile(`(documents +\d+ +)\d+ +\S+|(a month +)\S+`) // with what the documents say of time
	golden(t, "cost_bucket.txt", varies.ReplaceAllString(out[i:], "${1}${2}SOME"))
	for _, bad := range [][]string{
		{"--window", "1ms"}, {"--metrics", "ftp://x"}, {"--prices", l.path("none.json")}, {"--prices", prices(t, `{"x": 1}`)}, {"--price-read-gb", "-1"}, {"argument"},
	} {
		if _, err := l.top(append([]string{"cost"}, bad...)...); ExitStatus(err) != exitUnjudged {
			t.Errorf("%v: %v", bad, err)
		}
	}
}

func prices(t *testing.T, s string) string {
	t.Helper()
	path := t.TempDir() + "/prices.json"
	if err := os.WriteFile(path, []byte(s), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}
