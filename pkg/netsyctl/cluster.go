package netsyctl

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/urfave/cli/v2"

	"github.com/netsy-io/netsy/pkg/identity"
	"github.com/netsy-io/netsy/pkg/netsypb/peerpb"
	"github.com/netsy-io/netsy/pkg/objectstore"
	"github.com/netsy-io/netsy/pkg/peerapi"
	"github.com/netsy-io/netsy/pkg/recovery"
	"github.com/netsy-io/netsy/pkg/registry"
)

func clusterCommand() *cli.Command {
	return &cli.Command{
		Name:  "cluster",
		Usage: "look at a cluster through its bucket, and mend it",
		Description: `These commands go to the object storage that the cluster file names, with the credentials of the
environment, as a node does; all but step-down and transfer work when no node does.

  netsyctl cluster show --config cluster.jsonc
  netsyctl cluster step-down --context prod
  netsyctl cluster transfer --context prod node-2
  netsyctl cluster forget --config cluster.jsonc node-3
  netsyctl cluster recover --config cluster.jsonc`,
		Subcommands: []*cli.Command{
			clusterShowCommand(),
			clusterStepDownCommand(),
			clusterTransferCommand(),
			clusterForgetCommand(),
			clusterRecoverCommand(),
		},
	}
}

func clusterFileFlag() cli.Flag {
	return &cli.StringFlag{Name: "config", EnvVars: []string{"NETSY_CONFIG"}, Usage: "the cluster file"}
}

// tlsFlags name the certificate with which nodes are asked.
func tlsFlags() []cli.Flag {
	return []cli.Flag{
		&cli.StringFlag{Name: "tls-ca", EnvVars: []string{"NETSY_TLS_CA"}, Usage: "PEM file of the cluster's CA"},
		&cli.StringFlag{Name: "tls-cert", EnvVars: []string{"NETSY_TLS_CERT"}, Usage: "PEM file of an admin's certificate (netsyctl cert admin)"},
		&cli.StringFlag{Name: "tls-key", EnvVars: []string{"NETSY_TLS_KEY"}, Usage: "PEM file of its key"},
	}
}

// bucket is a cluster seen from its object storage.
type bucket struct {
	clusterID string
	store     objectstore.Store
	reg       *registry.Registry
}

// openBucket opens what --config names. It doesn't probe the store: looking must work
// with read permission alone, and whoever writes here has looked before.
func openBucket(c *cli.Context) (*bucket, error) {
	path, err := clusterFile(c)
	if err != nil {
		return nil, err
	}
	st, id, err := openFile(c.Context, path)
	if err != nil {
		return nil, err
	}
	return &bucket{clusterID: id, store: st, reg: registry.New(st, id)}, nil
}

// asker makes the questions to nodes, with the certificate that the flags name.
func asker(c *cli.Context, clusterID string) (recovery.Ask, error) {
	d, err := dialer(c, clusterID)
	if err != nil {
		return nil, err
	}
	return recovery.AskBy(d), nil
}

// dialer connects to nodes with that certificate.
func dialer(c *cli.Context, clusterID string) (peerapi.Dialer, error) {
	x, err := chosen(c)
	if err != nil {
		return peerapi.Dialer{}, err
	}
	if x.TLSCA == "" || x.TLSCert == "" || x.TLSKey == "" {
		return peerapi.Dialer{}, wrongUse("nodes answer to an admin's certificate: name its files with --tls-ca, --tls-cert and --tls-key, or in a context (see netsyctl cert admin --help)")
	}
	src, err := identity.Open(identity.Options{Files: identity.Files{CA: x.TLSCA, Cert: x.TLSCert, Key: x.TLSKey}})
	if err != nil {
		return peerapi.Dialer{}, fmt.Errorf("reading certificates: %w", err)
	}
	// A wrong certificate would make every node look dead.
	id, allowed := src.Identity(), peerapi.Policy[peerpb.Peer_GetNodeState_FullMethodName]
	if id.ClusterID != clusterID || !slices.Contains(allowed, id.Role) {
		return peerapi.Dialer{}, fmt.Errorf("%s is for %s, but nodes of cluster %q answer only to its roles %v: make one with netsyctl cert admin", x.TLSCert, id, clusterID, allowed)
	}
	return peerapi.Dialer{Source: src, ClusterID: clusterID}, nil
}

// readCluster reads cluster.json; that there is none is put into words.
func (b *bucket) readCluster(ctx context.Context) (registry.Cluster, error) {
	c, err := b.reg.Cluster(ctx)
	return c, b.inWords(err)
}

func (b *bucket) inWords(err error) error {
	if errors.Is(err, registry.ErrNotFound) {
		return fmt.Errorf("%w: no elector has begun work on %s: check storage in the cluster file, or start the cluster", err, b.store)
	}
	return err
}
