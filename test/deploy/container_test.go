package deploy

import (
	"debug/elf"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/moby/buildkit/frontend/dockerfile/instructions"
	"github.com/moby/buildkit/frontend/dockerfile/parser"
)

const containerfile = root + "/deploy/container/Containerfile"

// stages reads the file with BuildKit's own parser, which refuses what it doesn't know. Bases are
// the ones that it has by default.
func stages(t *testing.T) []instructions.Stage {
	t.Helper()
	f, err := os.Open(containerfile)
	check(t, err)
	defer f.Close()
	ast, err := parser.Parse(f)
	check(t, err)
	if len(ast.Warnings) > 0 {
		t.Errorf("warnings: %+v", ast.Warnings)
	}
	stages, defaults, err := instructions.Parse(ast.AST, nil)
	check(t, err)
	images := map[string]string{}
	for _, d := range defaults {
		for _, a := range d.Args {
			images[a.Key] = a.ValueString()
		}
	}
	for i := range stages {
		stages[i].BaseName = os.Expand(stages[i].BaseName, func(name string) string { return images[name] })
	}
	return stages
}

// TestContainerIsSmallAndUnprivileged: what is shipped is the last stage.
func TestContainerIsSmallAndUnprivileged(t *testing.T) {
	all := stages(t)
	last := all[len(all)-1]
	if len(all) < 2 || !strings.Contains(last.BaseName, "distroless/static") {
		t.Errorf("what is shipped is made from %s", last.BaseName)
	}
	var user, from string
	var exposed []string
	for _, c := range last.Commands {
		switch c := c.(type) {
		case *instructions.UserCommand:
			user, _, _ = strings.Cut(c.User, ":")
		case *instructions.CopyCommand:
			if c.From != "" {
				from = c.From + " " + c.SourcePaths[0] + " " + c.DestPath
			}
		case *instructions.ExposeCommand:
			exposed = c.Ports
		case *instructions.RunCommand:
			t.Error("there is no shell in what is shipped")
		}
	}
	if n, err := strconv.Atoi(user); err != nil || n == 0 {
		t.Errorf("it runs as %q: Kubernetes' runAsNonRoot needs a number", user)
	}
	if from != "build /out/ /usr/local/bin/" {
		t.Errorf("the programs come from %q", from)
	}
	if !slices.Equal(exposed, []string{"2378", "2381", "8080", "8443"}) {
		t.Errorf("ports %v", exposed)
	}
}

// TestContainerBuild runs the build stage's own commands on a copy of what it copies, outside a
// container: every program comes out, static, and says its version and commit.
func TestContainerBuild(t *testing.T) {
	dir := t.TempDir()
	build := stages(t)[0]
	var script []string
	for _, c := range build.Commands {
		switch c := c.(type) {
		case *instructions.CopyCommand:
			for _, src := range c.SourcePaths {
				dst := filepath.Join(dir, c.DestPath)
				if len(c.SourcePaths) > 1 {
					dst = filepath.Join(dst, src)
				}
				if out, err := exec.Command("cp", "-r", filepath.Join(root, src), dst).CombinedOutput(); err != nil {
					t.Fatalf("COPY %s: %v\n%s", src, err, out)
				}
			}
		case *instructions.EnvCommand:
			for _, e := range c.Env {
				script = append(script, "export "+e.Key+"="+e.Value)
			}
		case *instructions.RunCommand:
			script = append(script, strings.Join(c.CmdLine, " "))
		case *instructions.ArgCommand, *instructions.WorkdirCommand:
		default:
			t.Fatalf("unexpected %s", c.Name())
		}
	}
	out := filepath.Join(dir, "out")
	text := strings.ReplaceAll(strings.Join(script, "\n"), "/out/", out+"/")
	cmd := exec.Command("sh", "-euc", text)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "VERSION=v9.8.7", "COMMIT=0123456789abcdef", "GOFLAGS=-p=2")
	if b, err := cmd.CombinedOutput(); err != nil || strings.Contains(string(b), "warning") {
		t.Fatalf("%s\n%v\n%s", text, err, b)
	}
	for _, p := range programs {
		path := filepath.Join(out, p)
		static(t, path)
		b, err := exec.Command(path, "--version").CombinedOutput()
		if says := string(b); err != nil || !strings.Contains(says, "v9.8.7") || !strings.Contains(says, "0123456") {
			t.Errorf("%s --version: %v %s", p, err, b)
		}
	}
}

// static: the program asks for no loader and no library, neither of which is in the image.
func static(t *testing.T, path string) {
	t.Helper()
	f, err := elf.Open(path)
	check(t, err)
	defer f.Close()
	for _, p := range f.Progs {
		if p.Type == elf.PT_INTERP || p.Type == elf.PT_DYNAMIC {
			t.Errorf("%s isn't static: %v", filepath.Base(path), p.Type)
		}
	}
}
