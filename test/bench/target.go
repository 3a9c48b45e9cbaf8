package main

import (
	"bufio"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/url"
	"os/exec"
	"sync/atomic"
	"time"

	"go.etcd.io/etcd/client/pkg/v3/transport"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"
)

// access is the line that a server prints once it serves.
type access struct {
	Endpoints []string `json:"endpoints"`
	CA        string   `json:"ca"`
	Cert      string   `json:"cert"`
	Key       string   `json:"key"`
	Profiles  string   `json:"profiles"` // URL of its pprof pages; empty: none
}

// target is a store under measurement, in processes of its own.
type target struct {
	name string
	base string // the target that its figures are compared with
	access
	tls    *tls.Config
	health []string   // URLs of Netsy's nodes' health ports, of its own binaries
	procs  []*process // one, or one a node
	also   []int      // processes whose work counts as its own: object storage has one
	dir    string     // what it keeps
	bucket string     // directory of its bucket on the S3 server; empty: none
}

// process is a server's process.
type process struct {
	cmd   *exec.Cmd
	stdin io.Closer     // closed to end it
	ended chan struct{} // closed once it has ended
	err   error         // what it ended with, then
	says  *untilStopped // what it says to people; nil: not here
}

// untilStopped lets people read what a server says, until it is stopped: what it says of
// losing its peers then means nothing.
type untilStopped struct{ stopped atomic.Bool }

func (u *untilStopped) Write(b []byte) (int, error) {
	if u.stopped.Load() {
		return len(b), nil
	}
	return progress.Write(b)
}

// launch starts cmd; closing stdin is what ends it.
func launch(cmd *exec.Cmd, stdin io.Closer) (*process, error) {
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	p := &process{cmd: cmd, stdin: stdin, ended: make(chan struct{})}
	go func() { // ends with the process
		p.err = cmd.Wait()
		close(p.ended)
	}()
	return p, nil
}

// stopAfter is how long a server may take to end.
const stopAfter = 20 * time.Second

func (p *process) stop() error {
	kill := time.AfterFunc(stopAfter, func() { p.cmd.Process.Kill() })
	defer kill.Stop()
	if p.says != nil {
		p.says.stopped.Store(true)
	}
	err := p.stdin.Close()
	<-p.ended
	return errors.Join(err, p.err)
}

// launchPiped is launch with pipes to the process's standard input and from its output; the
// latter ends with the process.
func launchPiped(cmd *exec.Cmd) (p *process, stdin io.WriteCloser, out *io.PipeReader, err error) {
	stdin, err = cmd.StdinPipe()
	if err != nil {
		return nil, nil, nil, err
	}
	out, in := io.Pipe()
	cmd.Stdout = in
	p, err = launch(cmd, stdin)
	if err != nil {
		return nil, nil, nil, err
	}
	go func() { // ends with the process: then nothing more can be read
		<-p.ended
		in.Close()
	}()
	return p, stdin, out, nil
}

// start runs a server that prints its ready line, and ends with its standard input.
func start(k kind, cmd *exec.Cmd) (*target, error) {
	t := &target{name: k.name, base: k.base}
	says := &untilStopped{}
	cmd.Stderr = says
	p, _, out, err := launchPiped(cmd)
	if err != nil {
		return nil, err
	}
	p.says, t.procs = says, []*process{p}
	line, err := bufio.NewReader(out).ReadBytes('\n')
	out.Close()
	if err == nil {
		err = json.Unmarshal(line, &t.access)
	}
	if err == nil {
		err = t.trust()
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("starting %s: %w", k.name, err), t.stop())
	}
	return t, nil
}

// trust makes the clients' TLS configuration of the files that access names.
func (t *target) trust() (err error) {
	t.tls, err = transport.TLSInfo{TrustedCAFile: t.CA, CertFile: t.Cert, KeyFile: t.Key}.ClientConfig()
	return err
}

// stop ends all processes, and waits for them.
func (t *target) stop() (err error) {
	done := make(chan error, len(t.procs))
	for _, p := range t.procs { // together: a node that is left alone waits for the others
		go func() { done <- p.stop() }()
	}
	for range t.procs {
		err = errors.Join(err, <-done)
	}
	return err
}

// ended says whether one of the processes has, which it shouldn't.
func (t *target) ended() error {
	for _, p := range t.procs {
		select {
		case <-p.ended:
			return fmt.Errorf("its process ended: %w", errors.Join(p.err, errEnded))
		default:
		}
	}
	return nil
}

var errEnded = errors.New("before it was asked to")

// nodes are the target's own processes, pids those whose work counts as its own.
func (t *target) nodes() (pids []int) {
	for _, p := range t.procs {
		pids = append(pids, p.cmd.Process.Pid)
	}
	return pids
}

func (t *target) pids() []int { return append(t.nodes(), t.also...) }

// dial makes n connections, spread over the members.
func (t *target) dial(n int) ([]*grpc.ClientConn, error) {
	conns := make([]*grpc.ClientConn, 0, n)
	for i := range n {
		u, err := url.Parse(t.Endpoints[i%len(t.Endpoints)])
		if err != nil {
			return conns, err
		}
		c, err := grpc.NewClient(u.Host, grpc.WithTransportCredentials(credentials.NewTLS(t.tls)),
			grpc.WithDefaultCallOptions(grpc.WaitForReady(true), grpc.MaxCallRecvMsgSize(1<<30)))
		if err != nil {
			return conns, err
		}
		conns = append(conns, c)
	}
	return conns, nil
}

func closeAll(conns []*grpc.ClientConn) {
	for _, c := range conns {
		c.Close()
	}
}
