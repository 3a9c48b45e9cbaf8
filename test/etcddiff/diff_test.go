package etcddiff

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"google.golang.org/grpc"
	"pgregory.net/rapid"
)

// cases is how many random cases a run has unless -rapid.checks says otherwise.
const cases = "150"

// netsyBinary is the server under test, once TestMain has built it; with target etcd it is empty.
var netsyBinary string

func TestMain(m *testing.M) { os.Exit(testMain(m)) }

func testMain(m *testing.M) int {
	if err := flag.Set("rapid.checks", cases); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	flag.Parse()
	if os.Getenv("NETSY_TEST_TARGET") != "etcd" {
		dir, err := os.MkdirTemp("", "netsy-etcddiff-")
		if err == nil {
			defer os.RemoveAll(dir)
			netsyBinary = filepath.Join(dir, "devserver")
			err = buildNetsy(netsyBinary)
		}
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 1
		}
	}
	return m.Run()
}

// startSubject starts the server that is compared with etcd.
func startSubject(ctx context.Context, dir string) (*server, error) {
	if netsyBinary == "" {
		return startEtcd(ctx, dir)
	}
	if os.Getenv("NETSY_TEST_TARGET") == "netsy-replica" {
		return startNetsy(ctx, netsyBinary, dir, "--nodes", "3", "--replica")
	}
	return startNetsy(ctx, netsyBinary, dir)
}

// pairs keeps a session, and makes a new one when its servers' states differ.
type pairs struct {
	t    testing.TB
	opts []grpc.DialOption // for a subject that is a broken etcd
	made *session
}

func (p *pairs) get(ctx context.Context) (*session, error) {
	if p.made != nil {
		return p.made, nil
	}
	etcd, err := startEtcd(ctx, p.t.TempDir())
	if err != nil {
		return nil, err
	}
	var subject *server
	if p.opts != nil {
		subject, err = startEtcd(ctx, p.t.TempDir(), p.opts...)
	} else {
		subject, err = startSubject(ctx, p.t.TempDir())
	}
	if err != nil {
		return nil, errors.Join(err, etcd.close())
	}
	p.made, err = newSession(ctx, etcd, subject)
	if err != nil {
		return nil, errors.Join(err, etcd.close(), subject.close())
	}
	return p.made, nil
}

func (p *pairs) discard() {
	if p.made == nil {
		return
	}
	if err := p.made.close(); err != nil {
		p.t.Error(err)
	}
	p.made = nil
}

// run runs one case. The servers stay if they are in the same state even after a difference, as
// after one in a read: finding a shorter case takes many runs.
func (p *pairs) run(ctx context.Context, steps []request) error {
	s, err := p.get(ctx)
	if err != nil {
		return err
	}
	if err := s.run(ctx, steps); err != nil {
		if s.reset(ctx) != nil {
			p.discard()
		}
		return err
	}
	return nil
}

// TestSame is the comparison. When it fails, it prints the shortest case it found, and the seed.
func TestSame(t *testing.T) {
	p := &pairs{t: t}
	defer p.discard()
	rapid.Check(t, func(rt *rapid.T) {
		steps := genSteps.Draw(rt, "steps")
		if err := p.run(t.Context(), steps); err != nil {
			rt.Logf("%s\n%v", describe(steps), err)
			rt.Fatal("the servers differ") // the same each time: rapid takes another text for another failure
		}
	})
}

func describe(steps []request) string {
	var b strings.Builder
	fmt.Fprintf(&b, "the case, in which revision %d is where it starts, and leases are slots:\n", revOffset)
	for _, s := range steps {
		fmt.Fprintf(&b, "  %T{%v}\n", s, s)
	}
	return b.String()
}
