package main

import (
	"context"
	"errors"
	"fmt"
	"os/exec"
	"strings"

	"golang.org/x/sync/errgroup"
)

// etcdMember is the server that is one member of an etcd cluster.
const etcdMember = "etcd-member"

// etcdMembers starts an etcd cluster with a process for each member.
func etcdMembers(n int) func(context.Context, *builds, kind, string) (*target, error) {
	return func(_ context.Context, b *builds, k kind, dir string) (*target, error) {
		if _, err := selfSigned(dir); err != nil { // before the members, who share it
			return nil, err
		}
		peers, err := peerURLs(n)
		if err != nil {
			return nil, err
		}
		members := make([]*target, n)
		var g errgroup.Group
		for i := range members { // together: each waits for the others
			g.Go(func() (err error) {
				place := fmt.Sprintf("%d@%s", i, strings.Join(peers, ","))
				members[i], err = start(k, exec.Command(b.self, serveArg, etcdMember, dir, place))
				return err
			})
		}
		return together(k, members, g.Wait())
	}
}

// together makes one target of its nodes, of which some may be missing if err says why; then
// it ends the others.
func together(k kind, nodes []*target, err error) (*target, error) {
	t := &target{name: k.name, base: k.base}
	for _, n := range nodes {
		if n == nil {
			continue
		}
		t.access.CA, t.access.Cert, t.access.Key, t.tls = n.CA, n.Cert, n.Key, n.tls
		t.Endpoints = append(t.Endpoints, n.Endpoints...)
		t.procs, t.health = append(t.procs, n.procs...), append(t.health, n.health...)
	}
	if err != nil {
		return nil, errors.Join(err, t.stop())
	}
	return t, nil
}
