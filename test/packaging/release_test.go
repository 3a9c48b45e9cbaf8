//go:build linux

package packaging

import (
	"crypto/sha256"
	"debug/buildinfo"
	"encoding/hex"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// releaseFile is the one file of the release that matches.
func releaseFile(t *testing.T, pattern string) string {
	t.Helper()
	found, err := filepath.Glob(filepath.Join(filepath.Dir(built.deb), pattern))
	if err != nil || len(found) != 1 {
		t.Fatalf("want one %s, got %v (%v)", pattern, found, err)
	}
	return found[0]
}

// Each file of a release is among its checksums, which are right.
func TestChecksums(t *testing.T) {
	sums, err := os.ReadFile(releaseFile(t, "SHA256SUMS"))
	if err != nil {
		t.Fatal(err)
	}
	var listed []string
	for line := range strings.Lines(string(sums)) {
		sum, name, _ := strings.Cut(strings.TrimSpace(line), "  ")
		listed = append(listed, name)
		if got := sha256Of(t, releaseFile(t, name)); got != sum {
			t.Errorf("%s has %s, the list says %s", name, got, sum)
		}
	}
	files, err := filepath.Glob(filepath.Join(filepath.Dir(built.deb), "netsy[_\\-]*"))
	if err != nil || len(files) != 4 || len(listed) != 4 {
		t.Errorf("the release is %v (%v), its list has %v", files, err, listed)
	}
}

func sha256Of(t *testing.T, name string) string {
	t.Helper()
	b, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:])
}

// The archive has the programs of the packages, which are root's and can't be changed by others.
func TestArchive(t *testing.T) {
	name := releaseFile(t, "netsy-*.tar.gz")
	top := strings.TrimSuffix(filepath.Base(name), ".tar.gz")
	listing := output(t, "tar", "--numeric-owner", "-tvzf", name)
	for line := range strings.Lines(listing) {
		mode, rest, _ := strings.Cut(line, " ")
		if !strings.HasPrefix(rest, "0/0 ") || mode[5] == 'w' || mode[8] == 'w' || !strings.Contains(line, " "+top+"/") {
			t.Errorf("unexpected: %s", line)
		}
	}
	dir := t.TempDir()
	output(t, "tar", "-C", dir, "-xzf", name)
	for _, p := range []string{"netsy-node", "netsy-elector", "netsy-compactor", "netsyctl"} {
		if sha256Of(t, filepath.Join(dir, top, p)) != sha256Of(t, built.root+"/usr/bin/"+p) {
			t.Errorf("%s isn't the one of the packages", p)
		}
	}
	for _, f := range []string{"LICENSE", "systemd/netsy-node.service", "docs/vms.md", "docs/guides/troubleshooting.md", "docs/cluster.example.jsonc"} {
		if _, err := os.Stat(filepath.Join(dir, top, f)); err != nil {
			t.Error(err)
		}
	}
}

// What the release says that it is made of is what Go wrote into the programs, and the C library.
func TestBillOfMaterials(t *testing.T) {
	type component struct {
		Ref    string `json:"bom-ref"`
		Name   string
		Purl   string
		Hashes []struct{ Content string }
	}
	var bom struct {
		BOMFormat    string
		SpecVersion  string
		Components   []component
		Dependencies []struct {
			Ref       string
			DependsOn []string
		}
	}
	b, err := os.ReadFile(releaseFile(t, "netsy-*.cdx.json"))
	if err == nil {
		err = json.Unmarshal(b, &bom)
	}
	if err != nil || bom.BOMFormat != "CycloneDX" || bom.SpecVersion == "" {
		t.Fatalf("%v: %s", err, b[:min(len(b), 500)])
	}
	refs := map[string]component{}
	for _, c := range bom.Components {
		refs[c.Ref] = c
	}
	if len(refs) != len(bom.Components) || len(bom.Dependencies) != 4 {
		t.Errorf("%d components have %d names; %d programs", len(bom.Components), len(refs), len(bom.Dependencies))
	}
	for _, d := range bom.Dependencies {
		path := built.root + "/usr/bin/" + refs[d.Ref].Name
		if len(refs[d.Ref].Hashes) != 1 || refs[d.Ref].Hashes[0].Content != sha256Of(t, path) {
			t.Errorf("%s is another program", d.Ref)
		}
		info, err := buildinfo.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		want := []string{"pkg:golang/std@" + strings.TrimPrefix(info.GoVersion, "go")}
		for _, m := range info.Deps {
			want = append(want, "pkg:golang/"+m.Path+"@"+m.Version)
		}
		for _, purl := range want {
			if !slices.Contains(d.DependsOn, purl) || refs[purl].Purl != purl {
				t.Errorf("%s: %s is missing", d.Ref, purl)
			}
		}
		rest := slices.DeleteFunc(slices.Clone(d.DependsOn), func(purl string) bool { return slices.Contains(want, purl) })
		if len(rest) != 1 || !strings.HasPrefix(rest[0], "pkg:generic/glibc@2.") {
			t.Errorf("%s: beside Go's it has %v", d.Ref, rest)
		}
	}
}

// The same release is made of a copy of the source, elsewhere, by somebody with other habits, on
// a machine of another name (as root).
func TestReleaseIsReproducible(t *testing.T) {
	src, out := filepath.Join(t.TempDir(), "elsewhere"), filepath.Join(t.TempDir(), "out")
	script := "umask 077; mkdir " + src + "; cd ../..; cp -r go.mod go.sum cmd pkg deploy systemd docs LICENSE README.md " + src + "; " +
		"cd " + src + "; TZ=Asia/Tokyo LC_ALL=C HOSTNAME=other GOFLAGS=-buildvcs=auto deploy/packages/release.sh " + out
	cmd := exec.Command("sh", "-euc", script)
	if os.Getuid() == 0 {
		cmd = exec.Command("unshare", "--uts", "sh", "-euc", "hostname another-machine; "+script)
	}
	if b, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, b)
	}
	first, err := os.ReadFile(releaseFile(t, "SHA256SUMS"))
	if err != nil {
		t.Fatal(err)
	}
	second, err := os.ReadFile(filepath.Join(out, "SHA256SUMS"))
	if err != nil || string(first) != string(second) {
		t.Errorf("two releases of one source (%v):\n%s\n%s", err, first, second)
	}
}
