package main

import (
	"fmt"
	"net"
	"net/http"
	_ "net/http/pprof" // registers its pages
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
