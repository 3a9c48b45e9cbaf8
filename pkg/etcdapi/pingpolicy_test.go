package etcdapi_test

import (
	"bytes"
	"context"
	"io"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"
	"google.golang.org/grpc"
	"google.golang.org/grpc/test/bufconn"

	"github.com/netsy-io/netsy/pkg/etcdapi"
)

// TestPingPolicy pings a server with the client port's options for minutes of a
// clock that doesn't wait, with a stream open as kube-apiserver's watches are.
func TestPingPolicy(t *testing.T) {
	for every, allowed := range map[time.Duration]bool{
		30 * time.Second: true, // kube-apiserver
		5 * time.Second:  true, // the shortest that etcd allows
		4 * time.Second:  false,
	} {
		t.Run(every.String(), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				p := &pinger{openStream(t)}
				var err error
				for range 20 {
					time.Sleep(every)
					if err = p.ping(); err != nil {
						break
					}
				}
				if (err == nil) != allowed {
					t.Fatalf("allowed: %v, but the connection: %v", allowed, err)
				}
			})
		})
	}
}

// openStream serves whatever is called with a stream that never ends, and opens one.
func openStream(t *testing.T) *http2.Framer {
	t.Helper()
	l := bufconn.Listen(1 << 16)
	srv := grpc.NewServer(append(etcdapi.GRPCOptions(), grpc.UnknownServiceHandler(func(_ any, s grpc.ServerStream) error {
		<-s.Context().Done()
		return nil
	}))...)
	served := make(chan error, 1)
	go func() { served <- srv.Serve(l) }()
	conn, err := l.DialContext(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		conn.Close()
		srv.Stop()
		<-served
	})
	if _, err := io.WriteString(conn, http2.ClientPreface); err != nil {
		t.Fatal(err)
	}
	f := http2.NewFramer(conn, conn)
	if err := f.WriteSettings(); err != nil {
		t.Fatal(err)
	}
	if err := f.WriteHeaders(http2.HeadersFrameParam{StreamID: 1, BlockFragment: callHeaders(t), EndHeaders: true}); err != nil {
		t.Fatal(err)
	}
	return f
}

func callHeaders(t *testing.T) []byte {
	t.Helper()
	var b bytes.Buffer
	e := hpack.NewEncoder(&b)
	for _, h := range [][2]string{{":method", "POST"}, {":scheme", "http"}, {":path", "/a/b"}, {":authority", "netsy"}, {"content-type", "application/grpc"}, {"te", "trailers"}} {
		if err := e.WriteField(hpack.HeaderField{Name: h[0], Value: h[1]}); err != nil {
			t.Fatal(err)
		}
	}
	return b.Bytes()
}
