package harness

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"time"

	"go.etcd.io/etcd/client/pkg/v3/transport"
)

// Targets of the tests: NETSY_TEST_TARGET, Netsy by default.
const (
	TargetNetsy = "netsy"
	TargetEtcd  = "etcd"
)

// Shape is how many processes a store has. etcd has no electors.
type Shape struct{ Nodes, Electors int }

// Store is what kube-apiserver keeps its objects in.
type Store struct {
	Endpoints       []string // one a node
	CA, Cert, Key   string   // files; CA is empty for plain text
	Nodes, Electors []*Member

	lock string // of the directory that stands for object storage; "" if there is none
}

// NewStore returns a store in dir. etcdAPI is Netsy's setting of that name.
func NewStore(ctx context.Context, b Binaries, target, dir, etcdAPI string, shape Shape) (*Store, error) {
	if target == TargetEtcd {
		return newEtcd(b, dir, shape.Nodes)
	}
	return newNetsy(ctx, b, dir, etcdAPI, shape)
}

// Members are all processes, in the order in which they start.
func (s *Store) Members() []*Member {
	return append(append([]*Member{}, s.Nodes...), s.Electors...)
}

// Start starts all processes. It doesn't wait until they serve: kube-apiserver does.
func (s *Store) Start() error {
	for _, m := range s.Members() {
		if err := m.Start(); err != nil {
			return err
		}
	}
	return nil
}

// Stop stops all processes, in reverse.
func (s *Store) Stop() error {
	var errs []error
	members := s.Members()
	for i := len(members) - 1; i >= 0; i-- {
		errs = append(errs, members[i].Stop())
	}
	return errors.Join(errs...)
}

// ClientTLS is the configuration of an etcd client, nil for plain text.
func (s *Store) ClientTLS() (*tls.Config, error) {
	if s.CA == "" {
		return nil, nil
	}
	return transport.TLSInfo{TrustedCAFile: s.CA, CertFile: s.Cert, KeyFile: s.Key}.ClientConfig()
}

// Leader waits until one of the members leads, and returns it.
func Leader(ctx context.Context, members []*Member) (*Member, error) {
	ctx, cancel := context.WithTimeout(ctx, readyTimeout)
	defer cancel()
	for {
		for _, m := range members {
			if m.Leads(ctx) {
				return m, nil
			}
		}
		select {
		case <-ctx.Done():
			return nil, fmt.Errorf("none of %d members of the store leads: %w", len(members), ctx.Err())
		case <-time.After(50 * time.Millisecond):
		}
	}
}
