package netsyctl

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/netsy-io/netsy/pkg/datafile"
	"github.com/netsy-io/netsy/pkg/etcdsnap"
	"github.com/netsy-io/netsy/pkg/objectstore"
	"github.com/netsy-io/netsy/pkg/objectstore/file"
	"github.com/netsy-io/netsy/pkg/record"
)

// records is an etcdsnap.Source.
type records []record.Record

func (r *records) Header() datafile.Header { return datafile.Header{} }

func (r *records) Next() (record.Record, error) {
	if len(*r) == 0 {
		return record.Record{}, io.EOF
	}
	next := (*r)[0]
	*r = (*r)[1:]
	return next, nil
}

// etcdFile makes an etcd snapshot of some keys, each put once.
func etcdFile(t *testing.T, keys ...string) string {
	t.Helper()
	var recs records
	for i, k := range keys {
		rev := record.Revision(i + 2)
		recs = append(recs, record.Record{Revision: rev, Key: []byte(k), Value: []byte("v"), Created: true, CreateRevision: rev, Version: 1})
	}
	path := filepath.Join(t.TempDir(), "etcd.db")
	if _, err := etcdsnap.Export(t.Context(), path, &recs, etcdsnap.ExportOptions{}); err != nil {
		t.Fatal(err)
	}
	return path
}

// emptyPlace is a cluster file and its empty bucket.
func emptyPlace(t *testing.T) (config string, st objectstore.Store) {
	t.Helper()
	dir := t.TempDir()
	config, objects := filepath.Join(dir, "cluster.jsonc"), filepath.Join(dir, "objects")
	if err := errors.Join(os.Mkdir(objects, 0o700), os.WriteFile(config, fmt.Appendf(nil, `{"cluster_id": "lab", "storage": {"provider": "file", "bucket_name": %q}}`, objects), 0o600)); err != nil {
		t.Fatal(err)
	}
	st, err := file.Open(t.Context(), file.Config{Dir: objects})
	if err != nil {
		t.Fatal(err)
	}
	return config, st
}

func objects(t *testing.T, st objectstore.Store) (keys []string) {
	t.Helper()
	err := objectstore.ListAll(t.Context(), st, "", "", func(o objectstore.Info) error { keys = append(keys, o.Key); return nil })
	if err != nil {
		t.Fatal(err)
	}
	return keys
}

func TestImportEtcd(t *testing.T) {
	config, st := emptyPlace(t)
	path := etcdFile(t, "a", "b")
	const key = "snapshots/0000000000000000004.netsy"
	if out := mustRun(t, "import", "etcd", "--snapshot", path, "--config", config, "--dry-run"); !strings.Contains(out, "dry run") || len(objects(t, st)) != 0 {
		t.Errorf("a dry run left %v and said\n%s", objects(t, st), out)
	}
	if out := mustRun(t, "import", "etcd", "--snapshot", path, "--config", config); !strings.Contains(out, "the cluster starts at revision:     4") {
		t.Error(out)
	}
	if got := objects(t, st); len(got) != 1 || got[0] != key {
		t.Errorf("%v", got)
	}
	before, err := st.Stat(t.Context(), key)
	if err != nil {
		t.Fatal(err)
	}
	if out := mustRun(t, "import", "etcd", "--snapshot", path, "--config", config); !strings.Contains(out, "already imported:") {
		t.Error(out)
	}
	if after, err := st.Stat(t.Context(), key); err != nil || after != before {
		t.Errorf("%v became %v, %v", before, after, err)
	}
	for _, other := range []string{etcdFile(t, "a", "x"), etcdFile(t, "a"), etcdFile(t, "a", "b", "c")} {
		out, err := run(t, "import", "etcd", "--snapshot", other, "--config", config)
		if !errors.Is(err, errNotEmpty) || !errors.Is(err, etcdsnap.ErrDiffers) {
			t.Errorf("another file: %v\n%s", err, out)
		}
	}
}

// TestImportNeedsAnEmptyBucket: whatever is there, it is named and nothing is written.
func TestImportNeedsAnEmptyBucket(t *testing.T) {
	path := etcdFile(t, "a")
	for _, there := range []string{
		"cluster.json", "members.json", "nodes/a.json", "chunks/0000000000000000001.netsy", "bootstrap.netsy", "leader/elector.json", "snapshots/other", "anything",
	} {
		config, st := emptyPlace(t)
		if _, err := st.Put(t.Context(), there, []byte("x"), objectstore.IfAbsent()); err != nil {
			t.Fatal(err)
		}
		_, err := run(t, "import", "etcd", "--snapshot", path, "--config", config)
		if !errors.Is(err, errNotEmpty) || !strings.Contains(err.Error(), there) {
			t.Errorf("with %s: %v", there, err)
		}
		if got := objects(t, st); len(got) != 1 {
			t.Errorf("with %s: %v", there, got)
		}
	}
	// A snapshot alone, but a damaged one.
	config, st := emptyPlace(t)
	if _, err := st.Put(t.Context(), "snapshots/0000000000000000003.netsy", []byte("x"), objectstore.IfAbsent()); err != nil {
		t.Fatal(err)
	}
	if _, err := run(t, "import", "etcd", "--snapshot", path, "--config", config); !errors.Is(err, datafile.ErrCorrupt) {
		t.Errorf("with a damaged snapshot: %v", err)
	}
}

func TestImportOfBadFiles(t *testing.T) {
	config, st := emptyPlace(t)
	reserved := etcdFile(t, "_nets", "a")
	bare, err := os.ReadFile(reserved)
	if err != nil {
		t.Fatal(err)
	}
	bad := filepath.Join(t.TempDir(), "bare.db")
	if err := os.WriteFile(bad, bare[:len(bare)-32], 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := run(t, "import", "etcd", "--snapshot", bad, "--config", config); !errors.Is(err, etcdsnap.ErrNoHash) || !strings.Contains(err.Error(), "--skip-hash-check") {
		t.Errorf("without a hash: %v", err)
	}
	if got := objects(t, st); len(got) != 0 {
		t.Errorf("%v", got)
	}
	mustRun(t, "import", "etcd", "--snapshot", bad, "--config", config, "--skip-hash-check")
}

func TestExportEtcd(t *testing.T) {
	config, _ := emptyPlace(t)
	out := filepath.Join(t.TempDir(), "out.db")
	if _, err := run(t, "export", "etcd", "--out", out, "--config", config); err == nil {
		t.Error("nothing was exported")
	}
	mustRun(t, "import", "etcd", "--snapshot", etcdFile(t, "a", "b", "c"), "--config", config)
	var got exportResult
	text := mustRun(t, "export", "etcd", "--out", out, "--config", config, "-o", "json")
	if err := json.Unmarshal([]byte(text[strings.Index(text, "{"):]), &got); err != nil {
		t.Fatal(err)
	}
	if got.Keys != 3 || got.ExportSummary.Revision != 5 || got.Base != 5 || got.Compacted != 1 || got.File != out {
		t.Errorf("%+v", got)
	}
	if _, err := run(t, "export", "etcd", "--out", out, "--config", config); !errors.Is(err, os.ErrExist) {
		t.Errorf("over a file: %v", err)
	}
	for revision, class := range map[string]string{"0": "at least 1", "-3": "at least 1", "9": "9"} {
		if _, err := run(t, "export", "etcd", "--out", out+"2", "--config", config, "--to-revision", revision); err == nil || !strings.Contains(err.Error(), class) {
			t.Errorf("to revision %s: %v", revision, err)
		}
	}
	if text := mustRun(t, "export", "etcd", "--out", out+"3", "--config", config, "--to-revision", "3"); !strings.Contains(text, "etcd starts at revision:     3") {
		t.Error(text)
	}
}
