package netsyctl

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/netsy-io/netsy/pkg/datafile"
	"github.com/netsy-io/netsy/pkg/objectlog"
	"github.com/netsy-io/netsy/pkg/objectstore"
	"github.com/netsy-io/netsy/pkg/record"
)

func TestDatafileInspect(t *testing.T) {
	k := keep(t)
	for _, key := range []string{objectlog.ChunkKey(13), objectlog.SnapshotKey(12), objectlog.ChunkKey(1)} {
		fromFile, err := split(t, "datafile", "inspect", filepath.Join(k.dir, key))
		if err != nil {
			t.Error(err)
		}
		golden(t, "inspect_"+strings.NewReplacer("/", "_", ".netsy", ".txt").Replace(key), fromFile, k.dir, "/BUCKET")
		for _, source := range [][]string{{"--config", k.config}, {"--dir", k.dir}} {
			out, err := split(t, append(append([]string{"datafile", "inspect"}, source...), "bucket:"+key)...)
			if err != nil || strings.ReplaceAll(out, "bucket:"+key, filepath.Join(k.dir, key)) != fromFile {
				t.Errorf("%v: %v\n%s", source, err, out)
			}
		}
	}
	var x shownFile
	k.damage(objectlog.ChunkKey(13))
	if err := splitJSON(t, &x, "datafile", "inspect", "-o", "json", filepath.Join(k.dir, objectlog.ChunkKey(13))); ExitStatus(err) != exitFailed || x.Problem == "" || x.Records != 3 || x.CRC != "" {
		t.Errorf("%v: %+v", err, x)
	}
}

// What can be wrong, each with its status.
func TestDatafileStatuses(t *testing.T) {
	k := keep(t)
	good, moved := filepath.Join(k.dir, objectlog.ChunkKey(16)), objectlog.ChunkKey(18)
	k.write(moved, k.bed.Get(objectlog.ChunkKey(16)))
	k.write("empty", nil)
	k.write("cut", k.bed.Get(objectlog.ChunkKey(13))[:100])
	k.write("more", append(k.bed.Get(objectlog.ChunkKey(13)), 1))
	in := func(name string) string { return filepath.Join(k.dir, name) }
	for _, c := range []struct {
		status int
		args   []string
	}{
		{exitDone, []string{good}}, {exitDone, []string{in(moved)}},
		{exitFailed, []string{"bucket:" + moved}}, {exitFailed, []string{in("empty")}}, {exitFailed, []string{in("cut")}}, {exitFailed, []string{in("more")}},
		{exitUnjudged, []string{in("none")}}, {exitUnjudged, []string{k.dir}}, {exitUnjudged, []string{"bucket:chunks/none"}}, {exitUnjudged, nil},
	} {
		for _, command := range []string{"verify", "inspect"} {
			out, err := split(t, append([]string{"datafile", command, "--dir", k.dir}, c.args...)...)
			if ExitStatus(err) != c.status {
				t.Errorf("%s %v: status %d: %v\n%s", command, c.args, ExitStatus(err), err, out)
			}
		}
	}
	var list []shownVerdict
	err := splitJSON(t, &list, "datafile", "verify", "--dir", k.dir, "-o", "json", good, in("cut"), "bucket:"+moved)
	if ExitStatus(err) != exitFailed || !strings.Contains(err.Error(), "2 of 3 files") || len(list) != 3 || !list[0].Sound || list[1].Sound || !strings.Contains(list[2].Problem, "from revision 16 on, under the key of a chunk from revision 18 on") {
		t.Errorf("%v: %+v", err, list)
	}
	if _, err := split(t, "datafile", "verify", "bucket:"+moved); ExitStatus(err) != exitUnjudged || !strings.Contains(err.Error(), "which bucket?") {
		t.Error(err)
	}
}

// A body that a connection cut short is no damaged file.
func TestWholeBody(t *testing.T) {
	for _, c := range []struct {
		size int64
		want error
	}{{3, nil}, {4, objectstore.ErrUnavailable}} {
		_, err := io.ReadAll(&wholeBody{ReadCloser: io.NopCloser(strings.NewReader("abc")), key: "k", left: c.size})
		if !errors.Is(err, c.want) {
			t.Errorf("%d: %v", c.size, err)
		}
	}
}

// chunkOf writes a chunk's file.
func chunkOf(t *testing.T, recs ...record.Record) string {
	t.Helper()
	b, err := datafile.EncodeChunk(datafile.Header{LeaderID: "n1", Epoch: 9, ChunkID: "id"}, recs)
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "chunk.netsy")
	if err := os.WriteFile(path, b, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestDatafileCat(t *testing.T) {
	k := keep(t)
	out, err := split(t, "datafile", "cat", filepath.Join(k.dir, objectlog.ChunkKey(13)))
	if err != nil {
		t.Error(err)
	}
	golden(t, "cat.jsonl", out)
	for i, line := range strings.Split(strings.TrimSpace(out), "\n") {
		var r shownRecord
		if err := json.Unmarshal([]byte(line), &r); err != nil {
			t.Fatal(err)
		}
		if want := k.bed.Recs[12+i]; r.Revision != want.Revision || *r.Key != string(want.Key) || !bytes.Equal(r.ValueBytes, want.Value) || r.Deleted != want.Deleted || !r.CreatedAt.Equal(want.CreatedAt) {
			t.Errorf("%s: want %+v", line, want)
		}
	}
	bin := chunkOf(t, record.Record{Revision: 5, Epoch: 9, Key: []byte("\xff\x00"), Value: []byte("<\xfe"), Created: true, CreateRevision: 5, Version: 1},
		record.Record{Revision: 6, Epoch: 9, Key: []byte("a/b"), Value: []byte("<é>"), Created: true, CreateRevision: 6, Version: 1})
	for want, args := range map[string][]string{
		`"key_base64":"/wA="`:     {bin},
		`"value_base64":"PP4="`:   {"--values", "text", bin},
		`"value":"<é>"`:           {"--values", "text", bin},
		`"value_base64":"PMOpPg=`: {bin},
	} {
		if out, err := split(t, append([]string{"datafile", "cat"}, args...)...); err != nil || !strings.Contains(out, want) || strings.Count(out, "\n") != 2 {
			t.Errorf("%v: %v\n%s", args, err, out)
		}
	}
	if out, err := split(t, "datafile", "cat", "--values", "none", "--key-prefix", "a/", bin); err != nil || strings.Contains(out, `"value_base64"`) || strings.Contains(out, `"value":`) || strings.Count(out, "\n") != 1 {
		t.Errorf("%v\n%s", err, out)
	}
	// What comes before the damage is printed.
	b := k.bed.Get(objectlog.ChunkKey(13))
	k.write("cut", b[:len(b)-20])
	if out, err := split(t, "datafile", "cat", filepath.Join(k.dir, "cut")); ExitStatus(err) != exitFailed || strings.Count(out, "\n") != 3 {
		t.Errorf("%v\n%s", err, out)
	}
	if _, err := split(t, "datafile", "cat", "--values", "hex", bin); ExitStatus(err) != exitUnjudged {
		t.Error(err)
	}
	if _, err := split(t, "datafile", "cat", bin+"x"); ExitStatus(err) != exitUnjudged {
		t.Error(err)
	}
}

func TestDatafileDiff(t *testing.T) {
	rec := func(rev record.Revision, key, value string) record.Record {
		return record.Record{Revision: rev, Epoch: 9, Key: []byte(key), Value: []byte(value), Created: true, CreateRevision: rev, Version: 1, LeaderID: "n1"}
	}
	a := chunkOf(t, rec(5, "k", "1"), rec(6, "l", "1"), rec(7, "m", "1"))
	same := chunkOf(t, rec(5, "k", "1"), rec(6, "l", "1"), rec(7, "m", "1"))
	other := rec(6, "L", "2")
	other.Lease = 4
	b := chunkOf(t, rec(5, "k", "1"), other)
	c := chunkOf(t, rec(4, "j", "1"), rec(5, "k", "1"), rec(6, "l", "1"), rec(7, "m", "1"), rec(8, "n", "1"))
	if out, err := split(t, "datafile", "diff", a, same); err != nil || out != "the same\n" {
		t.Errorf("%v\n%s", err, out)
	}
	for want, files := range map[string][]string{
		"~  6/0  \"l\"  key, value, lease\n-  7/0  \"m\"\n": {a, b},
		"~  6/0  \"L\"  key, value, lease\n+  7/0  \"m\"\n": {b, a},
		"+  4/0  \"j\"\n+  8/0  \"n\"\n":                    {a, c},
		"and 2 more\n":                                      {"--limit", "0", c, a},
	} {
		out, err := split(t, append([]string{"datafile", "diff"}, files...)...)
		if got := strings.ReplaceAll(out, "  \n", "\n"); ExitStatus(err) != exitFailed || got != want || err.Error() != "2 differences" {
			t.Errorf("%v: %v\n%q, want\n%q", files, err, got, want)
		}
	}
	// A file and an object, also of a snapshot.
	k := keep(t)
	if _, err := split(t, "datafile", "diff", "--dir", k.dir, filepath.Join(k.dir, objectlog.SnapshotKey(12)), "bucket:"+objectlog.SnapshotKey(12)); err != nil {
		t.Error(err)
	}
	var d shownDiff
	err := splitJSON(t, &d, "datafile", "diff", "--dir", k.dir, "-o", "json", "bucket:"+objectlog.SnapshotKey(7), "bucket:"+objectlog.SnapshotKey(12))
	if ExitStatus(err) != exitFailed || d.Total == 0 || d.Total != len(d.Differences) {
		t.Errorf("%v: %+v", err, d)
	}
	// With a damaged one there is no verdict.
	k.damage(objectlog.SnapshotKey(12))
	for _, args := range [][]string{{a}, {a, b, c}, {a, a + "x"}, {a, filepath.Join(k.dir, objectlog.SnapshotKey(12))}, {"--limit", "-1", a, b}} {
		if out, err := split(t, append([]string{"datafile", "diff"}, args...)...); ExitStatus(err) != exitUnjudged || out != "" {
			t.Errorf("%v: %v\n%s", args, err, out)
		}
	}
}

// Each field is compared.
func TestDiffering(t *testing.T) {
	var r record.Record
	for name, change := range map[string]func(*record.Record){
		"key": func(r *record.Record) { r.Key = []byte("x") }, "value": func(r *record.Record) { r.Value = []byte("x") },
		"epoch": func(r *record.Record) { r.Epoch = 1 }, "created": func(r *record.Record) { r.Created = true }, "deleted": func(r *record.Record) { r.Deleted = true },
		"create_revision": func(r *record.Record) { r.CreateRevision = 1 }, "prev_revision": func(r *record.Record) { r.PrevRevision = 1 },
		"version": func(r *record.Record) { r.Version = 1 }, "lease": func(r *record.Record) { r.Lease = 1 }, "dek": func(r *record.Record) { r.DEK = 1 },
		"leader_id": func(r *record.Record) { r.LeaderID = "x" }, "created_at": func(r *record.Record) { r.CreatedAt = r.CreatedAt.Add(1) },
		"compacted_at": func(r *record.Record) { r.CompactedAt = r.CompactedAt.Add(1) }, "replicated_at": func(r *record.Record) { r.ReplicatedAt = r.ReplicatedAt.Add(1) },
	} {
		changed := r
		change(&changed)
		if got := fmt.Sprint(differing(&r, &changed)); got != "["+name+"]" {
			t.Errorf("%s: %s", name, got)
		}
	}
}
