package etcdapi_test

import (
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"testing"

	pb "go.etcd.io/etcd/api/v3/etcdserverpb"
	"golang.org/x/net/http2"

	"github.com/netsy-io/netsy/pkg/etcdapi"
)

// grpcPingStrikes is how many pings that come too soon gRPC forgives.
const grpcPingStrikes = 2

// TestPings speaks HTTP/2 by hand, since gRPC's own clients never ping as often:
// without a policy any ping within five minutes of the last would be too soon, and
// kube-apiserver's connections would be cut.
func TestPings(t *testing.T) {
	c := start(t, etcdapi.ProfileKubernetes)
	t.Run("a few are answered", func(t *testing.T) {
		p := newPinger(t, c)
		for range grpcPingStrikes {
			if err := p.ping(); err != nil {
				t.Fatalf("the connection was ended: %v", err)
			}
		}
	})
	t.Run("a flood is cut off", func(t *testing.T) {
		p := newPinger(t, c)
		var err error
		for range 10 * grpcPingStrikes {
			err = errors.Join(err, p.ping())
		}
		if err == nil {
			t.Fatal("the connection lives on")
		}
	})
	t.Run("other connections live on", func(t *testing.T) {
		if _, err := pb.NewMaintenanceClient(c.dial(t, "client")).Status(t.Context(), &pb.StatusRequest{}); err != nil {
			t.Fatal(err)
		}
	})
}

// pinger is an HTTP/2 connection to the client port that does nothing but ping.
type pinger struct{ framer *http2.Framer }

func newPinger(t *testing.T, c *cluster) *pinger {
	t.Helper()
	conn, err := tls.Dial("tcp", c.clientAddr(), c.tls(t, "client"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	if _, err := io.WriteString(conn, http2.ClientPreface); err != nil {
		t.Fatal(err)
	}
	p := &pinger{http2.NewFramer(conn, conn)}
	if err := p.framer.WriteSettings(); err != nil {
		t.Fatal(err)
	}
	return p
}

// ping sends a ping and waits for its answer. The error is the end of the
// connection: GOAWAY, if that could still be read.
func (p *pinger) ping() error {
	if err := p.framer.WritePing(false, [8]byte{1}); err != nil {
		return err
	}
	for {
		frame, err := p.framer.ReadFrame()
		if err != nil {
			return err
		}
		switch f := frame.(type) {
		case *http2.GoAwayFrame:
			return fmt.Errorf("%v %q", f.ErrCode, f.DebugData())
		case *http2.PingFrame:
			if f.IsAck() {
				return nil
			}
		}
	}
}
