// Command etcdserver runs one etcd as a server under test, to check the runner itself: what
// fails against etcd is a fault of the harness.
package main

import (
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"net/url"
	"os"
	"time"

	"go.etcd.io/etcd/server/v3/embed"
)

func main() {
	dir := flag.String("dir", "", "data directory")
	progress := flag.Duration("progress-notify-interval", 0, "interval of periodic watch progress, 0 for etcd's default")
	flag.Parse()
	if err := run(*dir, *progress); err != nil {
		fmt.Fprintln(os.Stderr, "etcdserver:", err)
		os.Exit(1)
	}
}

// run serves until standard input ends.
func run(dir string, progress time.Duration) error {
	e, err := embed.StartEtcd(config(dir, progress))
	if err != nil {
		return fmt.Errorf("start etcd: %w", err)
	}
	defer e.Close()
	select {
	case <-e.Server.ReadyNotify():
	case err := <-e.Err():
		return fmt.Errorf("etcd ended while it started: %w", err)
	}
	endpoint := "http://" + e.Clients[0].Addr().String()
	if err := json.NewEncoder(os.Stdout).Encode(map[string]any{"endpoints": []string{endpoint}}); err != nil {
		return fmt.Errorf("print the ready line: %w", err)
	}
	_, err = io.Copy(io.Discard, os.Stdin)
	return err
}

// config listens on free ports. Nothing of this store outlives its test, so it doesn't sync.
func config(dir string, progress time.Duration) *embed.Config {
	free := []url.URL{{Scheme: "http", Host: "127.0.0.1:0"}}
	cfg := embed.NewConfig()
	cfg.Dir = dir
	cfg.UnsafeNoFsync = true
	cfg.ListenClientUrls, cfg.AdvertiseClientUrls = free, free
	cfg.ListenPeerUrls, cfg.AdvertisePeerUrls = free, free
	cfg.InitialCluster = cfg.InitialClusterFromName(cfg.Name)
	cfg.WatchProgressNotifyInterval = progress
	cfg.LogLevel = "error"
	return cfg
}
