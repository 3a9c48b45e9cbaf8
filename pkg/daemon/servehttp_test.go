package daemon

import (
	"bufio"
	"context"
	"io"
	"net"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"google.golang.org/grpc/test/bufconn"
)

// TestHealthPortIsBounded: whoever takes all connections of the health port and does nothing
// with them has them for a while only, and others are answered then.
func TestHealthPortIsBounded(t *testing.T) {
	endless := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		for r.URL.Path == "/long" {
			if _, err := w.Write(make([]byte, 1<<16)); err != nil {
				return
			}
		}
	})
	for name, c := range map[string]struct {
		ask    string // by those who take the connections
		answer bool   // which they read
		until  time.Duration
	}{
		"silent":          {"", false, healthHeaderTimeout},
		"idle":            {"GET / HTTP/1.1\r\nHost: x\r\n\r\n", true, healthIdleTimeout},
		"reading nothing": {"GET /long HTTP/1.1\r\nHost: x\r\n\r\n", false, healthWriteTimeout},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				ctx, stop := context.WithCancel(t.Context())
				l, served := bufconn.Listen(1<<12), make(chan error, 1)
				go func() { served <- serveHTTP(ctx, l, endless) }()
				dial := func() net.Conn {
					conn, err := l.DialContext(ctx)
					if err != nil {
						t.Fatal(err)
					}
					t.Cleanup(func() { conn.Close() })
					return conn
				}
				for range healthConnections {
					conn := dial()
					if _, err := io.WriteString(conn, c.ask); err != nil {
						t.Fatal(err)
					}
					if c.answer {
						if _, err := http.ReadResponse(bufio.NewReader(conn), nil); err != nil {
							t.Fatal(err)
						}
					}
				}
				began := time.Now()
				late := dial()
				if _, err := io.WriteString(late, "GET / HTTP/1.0\r\n\r\n"); err != nil {
					t.Fatal(err)
				}
				if _, err := http.ReadResponse(bufio.NewReader(late), nil); err != nil {
					t.Fatal(err)
				}
				if waited := time.Since(began); waited != c.until {
					t.Errorf("answered after %v, want %v", waited, c.until)
				}
				stop()
				if err := <-served; err != nil {
					t.Error(err)
				}
			})
		})
	}
}
