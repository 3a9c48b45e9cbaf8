//go:build linux

package systemd

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

const (
	firstVersion = "0.1.0"
	nextVersion  = "0.2.0"
	nextLine     = "# A line that version " + nextVersion + " brings."
)

// buildDeb makes the deb as a release does.
func buildDeb(t *testing.T, dir string) string {
	t.Helper()
	run(t, "../..", "env", "VERSION="+firstVersion, "FORMATS=deb", "deploy/packages/build.sh", dir)
	found, err := filepath.Glob(filepath.Join(dir, "*.deb"))
	if err != nil || len(found) != 1 {
		t.Fatalf("want one deb, got %v (%v)", found, err)
	}
	return found[0]
}

// nextDeb makes of a deb the one of the next version: another node program, another unit, and another
// default of a settings file.
func nextDeb(t *testing.T, deb, dir string) string {
	t.Helper()
	tree := filepath.Join(dir, "next")
	run(t, "", "dpkg-deb", "--raw-extract", deb, tree)
	edit(t, tree+"/DEBIAN/control", "Version: "+firstVersion, "Version: "+nextVersion)
	edit(t, tree+"/usr/lib/systemd/system/netsy-node.service", "Description=Netsy data node", "Description=Netsy data node, next")
	for _, f := range []string{"node.env", "compactor.env"} {
		edit(t, tree+"/etc/netsy/"+f, "#NETSY_LOG_FORMAT", nextLine+"\n#NETSY_LOG_FORMAT")
	}
	check(t, os.Remove(tree+"/DEBIAN/md5sums"))
	run(t, "../..", "go", "build", "-tags", "netgo,osusergo,sqlite_omit_load_extension,disable_grpc_modules",
		"-ldflags", "-s -w -linkmode external -extldflags -static -X github.com/netsy-io/netsy/pkg/version.version="+nextVersion,
		"-o", tree+"/usr/bin/netsy-node", "./cmd/netsy-node")
	name := filepath.Join(dir, "netsy_"+nextVersion+"-1_next.deb")
	run(t, "", "dpkg-deb", "--root-owner-group", "-Znone", "--build", tree, name)
	return name
}

// edit replaces what must be in a file.
func edit(t *testing.T, name, from, to string) {
	t.Helper()
	b, err := os.ReadFile(name)
	check(t, err)
	if !strings.Contains(string(b), from) {
		t.Fatalf("%s has no %q", name, from)
	}
	st, err := os.Stat(name)
	check(t, err)
	check(t, os.WriteFile(name, []byte(strings.Replace(string(b), from, to, 1)), st.Mode()))
}
