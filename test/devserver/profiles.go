package main

import (
	"fmt"
	"net"
	"net/http"
	_ "net/http/pprof" // registers its pages
	"runtime"
	"time"
)

// serveProfiles serves the process's profiles on loopback, as long as the process lives,
// and returns their URL.
func serveProfiles() (string, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", fmt.Errorf("profiles: %w", err)
	}
	go http.Serve(l, nil) // the process ends with its standard input
	return "http://" + l.Addr().String() + "/debug/pprof", nil
}

// noteContention lets profiles have one wait for a lock out of a hundred, and of other waits
// one each millisecond: cheap enough to be measured with.
func noteContention() {
	runtime.SetMutexProfileFraction(100)
	runtime.SetBlockProfileRate(int(time.Millisecond))
}
