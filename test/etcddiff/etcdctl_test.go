package etcddiff

import (
	"bufio"
	"context"
	"os/exec"
	"strings"
	"testing"
)

// TestEtcdctl uses the server as people do first.
func TestEtcdctl(t *testing.T) {
	s, err := startSubject(t.Context(), t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := s.close(); err != nil {
			t.Error(err)
		}
	}()
	ctl := etcdctl(t, s.access)
	watch := ctl(t.Context(), "watch", "--prefix", "greeting")
	events, err := watch.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := watch.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() { _, _ = watch.Process.Kill(), watch.Wait() }()
	// It doesn't say when it watches, so put until it has seen one.
	lines := bufio.NewScanner(events)
	first := make(chan string, 1)
	go func() {
		lines.Scan()
		first <- lines.Text()
	}()
	var got string
	for got == "" {
		expect(t, ctl(t.Context(), "put", "greeting/en", "hello"), "OK")
		select {
		case got = <-first:
		default:
		}
	}
	expect(t, ctl(t.Context(), "get", "greeting/en"), "greeting/en\nhello")
	expect(t, ctl(t.Context(), "put", "greeting/fr", "salut"), "OK")
	expect(t, ctl(t.Context(), "get", "--prefix", "--keys-only", "greeting"), "greeting/en\n\ngreeting/fr")
	expect(t, ctl(t.Context(), "del", "greeting/fr"), "1")
	expect(t, ctl(t.Context(), "get", "greeting/fr"), "")
	seen := []string{got}
	for got != "DELETE" && lines.Scan() {
		got = lines.Text()
		seen = append(seen, got)
	}
	if !strings.HasPrefix(strings.Join(seen, " "), "PUT greeting/en hello") || !strings.HasSuffix(strings.Join(seen, " "), "PUT greeting/fr salut DELETE") {
		t.Errorf("etcdctl watch printed %q", seen)
	}
}

// etcdctl builds etcdctl and returns how to call it.
func etcdctl(t *testing.T, a access) func(ctx context.Context, args ...string) *exec.Cmd {
	t.Helper()
	path, err := exec.Command("go", "tool", "-n", "etcdctl").Output()
	if err != nil {
		t.Fatalf("build etcdctl: %v", err)
	}
	flags := []string{"--endpoints=" + strings.Join(a.Endpoints, ",")}
	if a.CA != "" {
		flags = append(flags, "--cacert="+a.CA, "--cert="+a.Cert, "--key="+a.Key)
	}
	return func(ctx context.Context, args ...string) *exec.Cmd {
		return exec.CommandContext(ctx, strings.TrimSpace(string(path)), append(append([]string{}, flags...), args...)...)
	}
}

// expect runs a command and compares what it prints.
func expect(t *testing.T, cmd *exec.Cmd, want string) {
	t.Helper()
	out, err := cmd.CombinedOutput()
	if got := strings.TrimSpace(string(out)); err != nil || got != want {
		t.Fatalf("%v: %v, printed %q, want %q", cmd.Args, err, got, want)
	}
}
