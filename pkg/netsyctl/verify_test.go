package netsyctl

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/netsy-io/netsy/pkg/bucket/buckettest"
	"github.com/netsy-io/netsy/pkg/objectlog"
	"github.com/netsy-io/netsy/pkg/objectstore"
	"github.com/netsy-io/netsy/pkg/objectstore/file"
	"github.com/netsy-io/netsy/pkg/record"
	"github.com/netsy-io/netsy/pkg/verify/verifytest"
)

// kept is a bucket in a directory, with a cluster file.
type kept struct {
	t           *testing.T
	dir, config string
	bed         *buckettest.Bed
}

func keep(t *testing.T) *kept {
	k := &kept{t: t, dir: filepath.Join(t.TempDir(), "objects"), bed: buckettest.Long(t)}
	k.config = configOf(t, k.dir)
	st, err := file.Open(t.Context(), file.Config{Dir: k.dir})
	if err == nil {
		err = objectstore.ListAll(t.Context(), k.bed.Store, "", "", func(o objectstore.Info) error {
			_, err := st.Put(t.Context(), o.Key, k.bed.Get(o.Key), objectstore.IfAbsent())
			return err
		})
	}
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func configOf(t *testing.T, dir string) string {
	t.Helper()
	return configNamed(t, "demo", dir)
}

func configNamed(t *testing.T, id, dir string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "cluster.jsonc")
	if err := os.WriteFile(path, fmt.Appendf(nil, `{"cluster_id": %q, "storage": {"provider": "file", "bucket_name": %q}}`, id, dir), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func (k *kept) damage(key string) {
	k.t.Helper()
	path := filepath.Join(k.dir, key)
	b, err := os.ReadFile(path)
	if err == nil {
		b[len(b)/2] ^= 0x10
		err = os.WriteFile(path, b, 0o600)
	}
	if err != nil {
		k.t.Fatal(err)
	}
}

// split runs a command and keeps what goes to stdout apart.
func split(t *testing.T, args ...string) (out string, err error) {
	t.Helper()
	var stdout, stderr bytes.Buffer
	app := App()
	app.Writer, app.ErrWriter = &stdout, &stderr
	err = app.RunContext(context.Background(), append([]string{"netsyctl"}, args...))
	return stdout.String(), err
}

func splitJSON(t *testing.T, into any, args ...string) error {
	t.Helper()
	out, err := split(t, args...)
	if jsonErr := json.Unmarshal([]byte(out), into); jsonErr != nil {
		t.Fatalf("%v: %v, %v:\n%s", args, err, jsonErr, out)
	}
	return err
}

func TestVerify(t *testing.T) {
	k := keep(t)
	out, err := split(t, "verify", "--config", k.config)
	if err != nil || ExitStatus(err) != 0 || !strings.Contains(out, "sound: 0 errors, 0 warnings") || !strings.Contains(out, "revision 17 of epoch 4") {
		t.Errorf("%v:\n%s", err, out)
	}
	k.damage(objectlog.ChunkKey(13))
	var r verified
	err = splitJSON(t, &r, "verify", "--dir", k.dir, "-o", "json")
	if ExitStatus(err) != 1 || r.Sound || r.ClusterID != "demo" || r.Findings[0].Key != objectlog.ChunkKey(13) || !strings.Contains(err.Error(), "not sound: 2 errors") {
		t.Errorf("%v: %+v", err, r)
	}
	if out, err = split(t, "verify", "--config", k.config); ExitStatus(err) != 1 || !strings.Contains(out, "error: damaged: "+objectlog.ChunkKey(13)) || !strings.Contains(out, "next: ") {
		t.Errorf("%v:\n%s", err, out)
	}
	for _, args := range [][]string{{}, {"--dir", k.dir + "x"}, {"--config", k.dir}, {"--config", k.config, "--dir", k.dir}, {"--dir", k.dir, "more"}} {
		if _, err := split(t, append([]string{"verify"}, args...)...); ExitStatus(err) != 2 {
			t.Errorf("%v: status %d, %v", args, ExitStatus(err), err)
		}
	}
}

func TestRestoreCommand(t *testing.T) {
	k := keep(t)
	var r restoreResult
	into := filepath.Join(t.TempDir(), "into")
	if err := splitJSON(t, &r, "restore", "--config", k.config, "--to-revision", "14", "--into-dir", into, "-o", "json"); err != nil || r.Revision != 14 || r.Next == nil || r.Next.Revision != 15 || r.Key != objectlog.SnapshotKey(14) {
		t.Errorf("%v: %+v", err, r)
	}
	verifytest.SoundDir(t, into)
	if _, err := split(t, "restore", "--config", k.config, "--to-revision", "14", "--into-dir", into); err == nil || !strings.Contains(err.Error(), "a snapshot at revision 14") {
		t.Errorf("a second time: %v", err)
	}
	if _, err := split(t, "restore", "--config", k.config, "--to-revision", "14", "--into-config", k.config); err == nil || !strings.Contains(err.Error(), "chunks/") {
		t.Errorf("into itself: %v", err)
	}
	second := filepath.Join(t.TempDir(), "second")
	out, err := split(t, "restore", "--dir", k.dir, "--to-time", k.bed.Recs[15].CreatedAt.Format("2006-01-02T15:04:05Z07:00"), "--into-config", configOf(t, second))
	if err != nil || !strings.Contains(out, "16 of epoch 4") {
		t.Errorf("%v:\n%s", err, out)
	}
	verifytest.SoundDir(t, second)

	path := filepath.Join(t.TempDir(), "state.netsy")
	if out, err := split(t, "restore", "--dir", k.dir, "--to-revision", "17", "--into-file", path); err != nil || !strings.Contains(out, "left out       nothing") {
		t.Errorf("%v:\n%s", err, out)
	}
	if fi, err := os.Stat(path); err != nil || fi.Size() == 0 {
		t.Errorf("%v", err)
	}
	if left, _ := filepath.Glob(path + ".*"); len(left) > 0 {
		t.Errorf("left: %v", left)
	}
	r = restoreResult{}
	if err := splitJSON(t, &r, "restore", "--dir", k.dir, "--to-revision", "9", "--dry-run", "-o", "json"); err != nil || r.Result != dryRun || r.Into != "" {
		t.Errorf("%v: %+v", err, r)
	}
	for says, args := range map[string][]string{
		"the nearest below is none, the nearest above is revision 5": {"--to-revision", "3", "--dry-run"},
		"the nearest below is revision 17":                           {"--to-revision", "18", "--dry-run"},
		"up to where":                                                {"--dry-run"},
		"give --to-revision or --to-time":                            {"--to-revision", "9", "--to-time", "2026-03-01T12:00:00Z", "--dry-run"},
		"--to-time must be like":                                     {"--to-time", "yesterday", "--dry-run"},
		"at least 1":                                                 {"--to-revision", "0", "--dry-run"},
		"where to?":                                                  {"--to-revision", "9"},
		"give one of --into":                                         {"--to-revision", "9", "--into-dir", "x", "--into-file", "y"},
		"is there already":                                           {"--to-revision", "9", "--into-file", path},
	} {
		if out, err := split(t, append([]string{"restore", "--dir", k.dir}, args...)...); err == nil || !strings.Contains(err.Error(), says) || out != "" {
			t.Errorf("%v: %v, want %q", args, err, says)
		}
	}
}

func TestSnapshotCommands(t *testing.T) {
	k := keep(t)
	var list shownSnapshots
	if err := splitJSON(t, &list, "snapshot", "list", "--config", k.config, "-o", "json"); err != nil || len(list.Snapshots) != 2 || list.Snapshots[1].Purged != 9 || list.Snapshots[1].Epoch != 4 {
		t.Errorf("%v: %+v", err, list)
	}
	var m made
	if err := splitJSON(t, &m, "snapshot", "create", "--config", k.config, "-o", "json"); err != nil || !m.Created || m.Revision != 17 || m.Purged != 9 || m.Base != 12 {
		t.Errorf("%v: %+v", err, m)
	}
	verifytest.SoundDir(t, k.dir)
	m = made{}
	if err := splitJSON(t, &m, "snapshot", "create", "--config", k.config, "-o", "json"); err != nil || m.Created || m.Revision != 17 {
		t.Errorf("again: %v: %+v", err, m)
	}
	if out, err := split(t, "snapshot", "verify", "--dir", k.dir, "17"); err != nil || strings.Count(out, "snapshots/") != 1 {
		t.Errorf("%v:\n%s", err, out)
	}
	k.damage(objectlog.SnapshotKey(12))
	if out, err := split(t, "snapshot", "verify", "--dir", k.dir, "--all"); err == nil || !strings.Contains(err.Error(), "1 snapshot damaged") || !strings.Contains(out, objectlog.SnapshotKey(record.Revision(7))) {
		t.Errorf("%v:\n%s", err, out)
	}
	for _, args := range [][]string{{}, {"13"}, {"x"}, {"--all", "17"}} {
		if _, err := split(t, append([]string{"snapshot", "verify", "--dir", k.dir}, args...)...); err == nil {
			t.Errorf("%v succeeds", args)
		}
	}
}
