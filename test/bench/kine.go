package main

import (
	"context"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
)

const kineName = "kine"

// kine starts the pinned kine, as its own command with its own defaults, on SQLite.
func kine(ctx context.Context, b *builds, k kind, dir string) (*target, error) {
	bin, err := b.tool(ctx, "kine", "kine")
	if err != nil {
		return nil, err
	}
	info, err := selfSigned(dir)
	if err != nil {
		return nil, err
	}
	addr, err := freeAddr()
	if err != nil {
		return nil, err
	}
	log, err := os.Create(filepath.Join(dir, "log"))
	if err != nil {
		return nil, err
	}
	defer log.Close()
	cmd := exec.Command(bin, "--listen-address", "tcp://"+addr, "--metrics-bind-address", "0",
		"--server-cert-file", info.CertFile, "--server-key-file", info.KeyFile)
	cmd.Dir, cmd.Stdout, cmd.Stderr = dir, log, log // it keeps ./db/state.db
	p, err := launch(cmd, interrupt{cmd})
	if err != nil {
		return nil, err
	}
	t := &target{
		name: k.name, base: k.base, procs: []*process{p},
		access: access{Endpoints: []string{"https://" + addr}, CA: info.CertFile, Cert: info.CertFile, Key: info.KeyFile},
	}
	if err = errors.Join(t.trust(), awaitListening(ctx, addr)); err != nil {
		return nil, errors.Join(err, t.stop())
	}
	return t, nil
}

// interrupt ends a process that doesn't end with its standard input.
type interrupt struct{ cmd *exec.Cmd }

var _ io.Closer = interrupt{}

func (i interrupt) Close() error { return i.cmd.Process.Signal(os.Interrupt) }
