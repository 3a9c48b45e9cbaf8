//go:build linux

package packaging

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// want is every file of the packages, with the source that it must equal ("": a program).
var want = map[string]struct {
	mode   os.FileMode
	config bool
	source string
}{
	"/usr/bin/netsy-node":                             {0o755, false, ""},
	"/usr/bin/netsy-elector":                          {0o755, false, ""},
	"/usr/bin/netsy-compactor":                        {0o755, false, ""},
	"/usr/bin/netsyctl":                               {0o755, false, ""},
	"/usr/lib/systemd/system/netsy-node.service":      {0o644, false, "systemd/netsy-node.service"},
	"/usr/lib/systemd/system/netsy-elector.service":   {0o644, false, "systemd/netsy-elector.service"},
	"/usr/lib/systemd/system/netsy-compactor.service": {0o644, false, "systemd/netsy-compactor.service"},
	"/usr/lib/systemd/system/netsy-compactor.timer":   {0o644, false, "systemd/netsy-compactor.timer"},
	"/usr/lib/sysusers.d/netsy.conf":                  {0o644, false, "systemd/netsy.sysusers"},
	"/usr/lib/tmpfiles.d/netsy.conf":                  {0o644, false, "systemd/netsy.tmpfiles"},
	"/etc/netsy/cluster.jsonc":                        {0o644, true, "docs/cluster.example.jsonc"},
	"/etc/netsy/node.env":                             {0o600, true, "systemd/node.env"},
	"/etc/netsy/elector.env":                          {0o600, true, "systemd/elector.env"},
	"/etc/netsy/compactor.env":                        {0o600, true, "systemd/compactor.env"},
	"/usr/share/doc/netsy/copyright":                  {0o644, false, "LICENSE"},
}

// wantPages adds all pages of docs to what is wanted.
func wantPages(t *testing.T) {
	t.Helper()
	for _, dir := range []string{"", "guides/"} {
		pages, err := filepath.Glob("../../docs/" + dir + "*.md")
		if err != nil || len(pages) < 5 {
			t.Fatalf("docs/%s has %d pages: %v", dir, len(pages), err)
		}
		for _, p := range pages {
			name := dir + filepath.Base(p)
			f := want["/usr/bin/netsyctl"]
			f.mode, f.source = 0o644, "docs/"+name
			want["/usr/share/doc/netsy/"+name] = f
		}
	}
}

func packages(t *testing.T) map[string]*pack {
	t.Helper()
	deb, err := readDeb(built.deb)
	if err != nil {
		t.Fatal(err)
	}
	rpm, err := readRPM(built.rpm)
	if err != nil {
		t.Fatal(err)
	}
	return map[string]*pack{"deb": deb, "rpm": rpm}
}

func TestFilesOfPackages(t *testing.T) {
	wantPages(t)
	for format, p := range packages(t) {
		for path, w := range want {
			got, ok := p.files[path]
			if !ok {
				t.Errorf("%s: %s is missing", format, path)
				continue
			}
			if got.mode != w.mode || got.config != w.config || got.owner != "root:root" {
				t.Errorf("%s: %s has mode %o, config %v, owner %s; want %o, %v, root:root", format, path, got.mode, got.config, got.owner, w.mode, w.config)
			}
			if int64(len(got.body)) != got.size {
				t.Errorf("%s: %s holds %d bytes, its header says %d", format, path, len(got.body), got.size)
			}
			if w.source == "" {
				if !bytes.HasPrefix(got.body, []byte("\x7fELF")) {
					t.Errorf("%s: %s is no program", format, path)
				}
				continue
			}
			source, err := os.ReadFile(filepath.Join("../..", w.source))
			if err != nil || !bytes.Equal(source, got.body) {
				t.Errorf("%s: %s is not %s (%v)", format, path, w.source, err)
			}
		}
		for path := range p.files {
			if _, ok := want[path]; !ok {
				t.Errorf("%s: %s is not expected", format, path)
			}
		}
	}
}

// Whatever systemd/ holds is in the packages.
func TestNothingIsForgotten(t *testing.T) {
	entries, err := os.ReadDir("../../systemd")
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		found := false
		for _, w := range want {
			found = found || w.source == "systemd/"+e.Name()
		}
		if !found {
			t.Errorf("systemd/%s is in no package", e.Name())
		}
	}
}

var snapshotVersion = regexp.MustCompile(`^(\d+\.\d+\.\d+|0\.0\.0~\d{14}\.[0-9a-z.]+)(-1)?$`)

func TestFieldsOfPackages(t *testing.T) {
	for format, p := range packages(t) {
		if p.fields["Package"] != "netsy" || p.fields["License"] != "Apache-2.0" || !snapshotVersion.MatchString(p.fields["Version"]) {
			t.Errorf("%s: %v", format, p.fields)
		}
		for _, d := range []string{"systemd", "ca-certificates"} {
			if !slices.Contains(strings.Split(p.fields["Depends"], ", "), d) {
				t.Errorf("%s doesn't depend on %s: %v", format, d, p.fields)
			}
		}
	}
}

// The programs run on any distribution: they need no library.
func TestProgramsAreStatic(t *testing.T) {
	for path, w := range want {
		if w.source != "" {
			continue
		}
		if out := output(t, "readelf", "-lW", built.root+path); strings.Contains(out, "INTERP") {
			t.Errorf("%s is linked dynamically", path)
		}
		output(t, built.root+path, "--help")
	}
}

// dpkg itself takes the deb, and knows what is the user's to change.
func TestDpkgUnpacks(t *testing.T) {
	needs(t, "dpkg")
	if os.Getuid() != 0 {
		t.Skip("SKIPPED, NOTHING CHECKED: dpkg wants root")
	}
	root := t.TempDir()
	for _, f := range []string{"status", "available", "info/format", "updates/.d", "triggers/.d"} {
		content := ""
		if f == "info/format" {
			content = "1\n"
		}
		write(t, root+"/var/lib/dpkg/"+f, content, 0o644)
	}
	for _, f := range []string{"updates/.d", "triggers/.d"} {
		if err := os.Remove(root + "/var/lib/dpkg/" + f); err != nil {
			t.Fatal(err)
		}
	}
	output(t, "dpkg", "--root="+root, "--force-depends", "--unpack", built.deb)
	status, err := os.ReadFile(root + "/var/lib/dpkg/status")
	if err != nil {
		t.Fatal(err)
	}
	for path, w := range want {
		if got := strings.Contains(string(status), "\n "+path+" newconffile"); got != w.config {
			t.Errorf("dpkg takes %s for a conffile: %v, want %v", path, got, w.config)
		}
	}
}

// Packages start nothing and enable nothing, and stop what they remove; an upgrade touches
// no process. The scripts run as they are, with programs that only take notes.
func TestScripts(t *testing.T) {
	const stop = "systemctl disable --now netsy-compactor.timer netsy-compactor.service netsy-elector.service netsy-node.service"
	prepare := []string{"systemd-sysusers netsy.conf", "systemd-tmpfiles --create netsy.conf", "systemctl daemon-reload"}
	reload := []string{"systemctl daemon-reload"}
	all := packages(t)
	for _, c := range []struct {
		format, script, arg string
		calls               []string
	}{
		{"deb", "postinst", "configure", prepare},
		{"deb", "prerm", "upgrade", nil},
		{"deb", "prerm", "remove", []string{stop}},
		{"deb", "postrm", "remove", reload},
		{"deb", "postrm", "purge", reload},
		{"deb", "postrm", "upgrade", reload},
		{"rpm", "postinst", "1", prepare},
		{"rpm", "postinst", "2", prepare},
		{"rpm", "prerm", "1", nil},
		{"rpm", "prerm", "0", []string{stop}},
		{"rpm", "postrm", "0", reload},
	} {
		p := all[c.format]
		if got := scriptCalls(t, p.scripts[c.script], c.arg); !slices.Equal(got, c.calls) {
			t.Errorf("%s %s %s calls %q, want %q", c.format, c.script, c.arg, got, c.calls)
		}
	}
}

func scriptCalls(t *testing.T, script, arg string) []string {
	t.Helper()
	dir := t.TempDir()
	notes := filepath.Join(dir, "notes")
	takeNotes(t, dir, notes, "systemctl", "systemd-sysusers", "systemd-tmpfiles")
	if script == "" {
		t.Fatal("the package has no such script")
	}
	script = strings.ReplaceAll(script, "/run/systemd/system", dir) // as if systemd ran
	script = strings.ReplaceAll(script, "/var/cache/", dir+"/")
	cache := filepath.Join(dir, "netsy-compactor")
	write(t, cache+"/half-made", "", 0o600)
	cmd := exec.Command("sh", "-c", script, "script", arg)
	cmd.Env = []string{"PATH=" + dir + ":/usr/bin:/bin"}
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	if _, err := os.Stat(cache); os.IsNotExist(err) != (arg == "purge") {
		t.Errorf("after %q the compactor's cache: %v", arg, err)
	}
	return notesIn(t, notes)
}

// takeNotes makes programs that write down how they are called.
func takeNotes(t *testing.T, dir, notes string, programs ...string) {
	t.Helper()
	for _, p := range programs {
		write(t, filepath.Join(dir, p), "#!/bin/sh\necho \""+p+" $*\" >> "+notes+"\n", 0o755)
	}
}

func notesIn(t *testing.T, notes string) []string {
	t.Helper()
	b, err := os.ReadFile(notes)
	if err != nil && !os.IsNotExist(err) {
		t.Fatal(err)
	}
	return strings.FieldsFunc(string(b), func(r rune) bool { return r == '\n' })
}

func write(t *testing.T, name, content string, mode os.FileMode) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(name, []byte(content), mode); err != nil {
		t.Fatal(err)
	}
}
