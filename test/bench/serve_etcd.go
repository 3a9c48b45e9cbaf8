package main

import (
	"fmt"
	"net"
	"net/url"
	"path/filepath"
	"strconv"
	"strings"

	"go.etcd.io/etcd/client/pkg/v3/transport"
	"go.etcd.io/etcd/server/v3/embed"
	"golang.org/x/sync/errgroup"
)

// serveEtcd runs an etcd cluster with TLS, between its members too, and its defaults
// but for the quota, until standard input ends.
func serveEtcd(dir string, members int) error {
	info, err := selfSigned(dir)
	if err != nil {
		return err
	}
	info.TrustedCAFile = info.CertFile // for the members, which are each other's clients
	peers, err := peerURLs(members)
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
	for i := range peers { // together: each waits for the others
		g.Go(func() (err error) {
			started[i], err = startEtcd(dir, i, peers, info)
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

// serveEtcdMember runs one member of a cluster, whose members' URLs are given with commas
// between; place is which of them it is. The certificate is in dir.
func serveEtcdMember(dir, place string) error {
	at, list, _ := strings.Cut(place, "@")
	i, err := strconv.Atoi(at)
	if err != nil {
		return err
	}
	info, err := selfSigned(dir)
	if err != nil {
		return err
	}
	info.TrustedCAFile = info.CertFile
	e, err := startEtcd(dir, i, strings.Split(list, ","), info)
	if err != nil {
		return err
	}
	defer e.Close()
	<-e.Server.ReadyNotify()
	return ready(access{
		CA: info.CertFile, Cert: info.CertFile, Key: info.KeyFile,
		Endpoints: []string{"https://" + e.Clients[0].Addr().String()},
	})
}

func memberName(i int) string { return fmt.Sprintf("member-%d", i) }

// peerURLs finds free ports for the members, who must know each other's beforehand.
func peerURLs(members int) (urls []string, err error) {
	for range members {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			return nil, err
		}
		defer l.Close() // once all are found, so that they differ
		urls = append(urls, "https://"+l.Addr().String())
	}
	return urls, nil
}

// quota is what kubeadm's etcds often have: 2 GiB, the default, is less than what some loads write.
const quota = 8 << 30

func startEtcd(dir string, i int, peers []string, info transport.TLSInfo) (*embed.Etcd, error) {
	own, err := url.Parse(peers[i])
	if err != nil {
		return nil, err
	}
	var initial []string
	for i, p := range peers {
		initial = append(initial, memberName(i)+"="+p)
	}
	free := []url.URL{{Scheme: "https", Host: "127.0.0.1:0"}}
	cfg := embed.NewConfig()
	cfg.Name, cfg.Dir, cfg.InitialCluster = memberName(i), filepath.Join(dir, fmt.Sprint(i)), strings.Join(initial, ",")
	cfg.QuotaBackendBytes = quota
	cfg.ListenClientUrls, cfg.AdvertiseClientUrls = free, free
	cfg.ListenPeerUrls, cfg.AdvertisePeerUrls = []url.URL{*own}, []url.URL{*own}
	cfg.ClientTLSInfo = transport.TLSInfo{CertFile: info.CertFile, KeyFile: info.KeyFile}
	cfg.PeerTLSInfo = info
	cfg.LogLevel = "fatal" // it calls its own closing an error
	return embed.StartEtcd(cfg)
}
