package testserver

import (
	"bufio"
	"crypto/tls"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"go.etcd.io/etcd/client/pkg/v3/transport"
	"go.etcd.io/etcd/server/v3/embed"
)

// CommandEnv names the environment variable that holds the path of the server under test, ArgsEnv
// one that holds arguments for it, with spaces between them.
//
// The command is run with them, --dir DIR and --progress-notify-interval DURATION. Once it serves it
// prints one line, a JSON object as in readyLine, and it ends when its standard input does.
const (
	CommandEnv = "NETSY_TEST_SERVER"
	ArgsEnv    = "NETSY_TEST_SERVER_ARGS"
)

// readyLine is what the command prints: where clients connect, and the files of the certificates
// they need. Without CA the endpoints are plain text.
type readyLine struct {
	Endpoints []string `json:"endpoints"`
	CA        string   `json:"ca"`
	Cert      string   `json:"cert"`
	Key       string   `json:"key"`
}

// clientTLS returns nil for a server that speaks plain text.
func (r readyLine) clientTLS() (*tls.Config, error) {
	if r.CA == "" {
		return nil, nil
	}
	info := transport.TLSInfo{TrustedCAFile: r.CA, CertFile: r.Cert, KeyFile: r.Key}
	cfg, err := info.ClientConfig()
	if err != nil {
		return nil, fmt.Errorf("client certificate of the server under test: %w", err)
	}
	return cfg, nil
}

// start runs the server under test until the test ends. A server that fails to start, or that
// ends by itself, fails the test with its log.
func start(t testing.TB, cfg *embed.Config) readyLine {
	t.Helper()
	path := os.Getenv(CommandEnv)
	if path == "" {
		t.Fatalf("%s is not set: run these tests with `go run .` in test/conformance", CommandEnv)
	}
	logPath := filepath.Join(t.TempDir(), "server.log")
	log, err := os.Create(logPath)
	if err != nil {
		t.Fatal(err)
	}
	args := append(strings.Fields(os.Getenv(ArgsEnv)), "--dir", cfg.Dir, "--progress-notify-interval", cfg.WatchProgressNotifyInterval.String())
	cmd := exec.Command(path, args...)
	cmd.Stderr = log
	stdin, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatalf("start the server under test: %v", err)
	}
	t.Cleanup(func() {
		stdin.Close()
		if err := cmd.Wait(); err != nil {
			t.Errorf("the server under test ended badly: %v", err)
		}
		log.Close()
		if t.Failed() {
			text, _ := os.ReadFile(logPath)
			t.Logf("log of the server under test:\n%s", text)
		}
	})
	line, err := bufio.NewReader(stdout).ReadBytes('\n')
	if err != nil {
		t.Fatalf("the server under test ended before it was ready: %v", err)
	}
	var ready readyLine
	if err := json.Unmarshal(line, &ready); err != nil {
		t.Fatalf("ready line of the server under test: %v: %q", err, line)
	}
	return ready
}
