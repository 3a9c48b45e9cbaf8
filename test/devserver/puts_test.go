package main

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/netsy-io/netsy/pkg/objectstore"
	"github.com/netsy-io/netsy/pkg/objectstore/memstore"
)

// TestTimePuts: each line is answered, by puts of the size that it names, and none replaces another.
func TestTimePuts(t *testing.T) {
	st := memstore.New(nil)
	var out bytes.Buffer
	if err := timePuts(t.Context(), st, strings.NewReader("10 1\n2000 0\n"), &out); err != nil {
		t.Fatal(err)
	}
	puts, sizes := 0, map[int64]int{}
	for d := json.NewDecoder(&out); d.More(); {
		var a struct {
			Puts int           `json:"puts"`
			P50  time.Duration `json:"p50_ns"`
			P99  time.Duration `json:"p99_ns"`
		}
		if err := d.Decode(&a); err != nil || a.Puts == 0 || a.P50 <= 0 || a.P99 < a.P50 {
			t.Fatalf("%+v, %v", a, err)
		}
		puts += a.Puts
	}
	err := objectstore.ListAll(t.Context(), st, "", "", func(i objectstore.Info) error { sizes[i.Size]++; return nil })
	if err != nil || sizes[10]+sizes[2000] != puts || sizes[2000] != 1 {
		t.Errorf("%d puts, objects by size %v, %v", puts, sizes, err)
	}
	for _, line := range []string{"10", "a b"} {
		if err := timePuts(t.Context(), st, strings.NewReader(line), &out); err == nil {
			t.Errorf("%q is taken", line)
		}
	}
}
