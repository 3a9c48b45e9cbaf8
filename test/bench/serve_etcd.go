package main

import (
	"fmt"
	"net"
	"net/url"
	"path/filepath"
	"strings"

	"go.etcd.io/etcd/client/pkg/v3/transport"
	"go.etcd.io/etcd/server/v3/embed"
	"golang.org/x/sync/errgroup"
)

// serveEtcd runs an etcd cluster with TLS, between its members too, and its defaults
// otherwise, until standard input ends.
func serveEtcd(dir string, members int) error {
	info, err := selfSigned(dir)
	if err != nil {
		return err
	}
	info.TrustedCAFile = info.CertFile // for the members, which are each other's clients
	peers, initial, err := peerURLs(members)
	if err != nil {
		return err
	}
	started := make([]*embed.Etcd, members)
	defer func() {
		for _, e := range started {
			if e != nil {
				e.Close()
			}
		}
	}()
	var g errgroup.Group
	for i, peer := range peers { // together: each waits for the others
		g.Go(func() (err error) {
			started[i], err = startEtcd(filepath.Join(dir, fmt.Sprint(i)), memberName(i), peer, initial, info)
			return err
		})
	}
	if err := g.Wait(); err != nil {
		return err
	}
	a := access{CA: info.CertFile, Cert: info.CertFile, Key: info.KeyFile}
	for _, e := range started {
		<-e.Server.ReadyNotify()
		a.Endpoints = append(a.Endpoints, "https://"+e.Clients[0].Addr().String())
	}
	return ready(a)
}

func memberName(i int) string { return fmt.Sprintf("member-%d", i) }

// peerURLs finds free ports for the members, who must know each other's beforehand.
func peerURLs(members int) (urls []url.URL, initial string, err error) {
	var parts []string
	for i := range members {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			return nil, "", err
		}
		defer l.Close() // once all are found, so that they differ
		u := url.URL{Scheme: "https", Host: l.Addr().String()}
		urls = append(urls, u)
		parts = append(parts, memberName(i)+"="+u.String())
	}
	return urls, strings.Join(parts, ","), nil
}

func startEtcd(dir, name string, peer url.URL, initial string, info transport.TLSInfo) (*embed.Etcd, error) {
	free := []url.URL{{Scheme: "https", Host: "127.0.0.1:0"}}
	cfg := embed.NewConfig()
	cfg.Name, cfg.Dir, cfg.InitialCluster = name, dir, initial
	cfg.ListenClientUrls, cfg.AdvertiseClientUrls = free, free
	cfg.ListenPeerUrls, cfg.AdvertisePeerUrls = []url.URL{peer}, []url.URL{peer}
	cfg.ClientTLSInfo = transport.TLSInfo{CertFile: info.CertFile, KeyFile: info.KeyFile}
	cfg.PeerTLSInfo = info
	cfg.LogLevel = "fatal" // it calls its own closing an error
	return embed.StartEtcd(cfg)
}
