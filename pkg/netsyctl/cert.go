package netsyctl

import (
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/netsy-io/netsy/pkg/identity"
)

func certCommand() *cli.Command {
	return &cli.Command{
		Name:  "cert",
		Usage: "make and look at certificates",
		Description: `Netsy knows its processes and clients by their certificates: the URI SAN
netsy://{cluster_id}/{role}/{name}, signed by the cluster's CA. These commands are a small CA
of files, for development and for clusters without a PKI; cert-manager or any other
CA that can set a URI SAN does as well.

A cluster's certificates, from nothing:

  netsyctl cert ca --cluster-id prod
  netsyctl cert node --dns node-1.example.com --ip 10.0.0.1 node-1
  netsyctl cert client kube-apiserver
  netsyctl cert admin alice
  netsyctl cert inspect certs/node-1.crt`,
		Subcommands: []*cli.Command{
			certCACommand(),
			certNodeCommand(),
			certElectorCommand(),
			certClientCommand(),
			certAdminCommand(),
			certInspectCommand(),
		},
	}
}

const (
	defaultCertDir = "certs"
	caBase         = "ca" // ca.crt and ca.key
)

func dirFlag() cli.Flag {
	return &cli.StringFlag{Name: "dir", Value: defaultCertDir, Usage: "directory of the files to write"}
}

func forceFlag() cli.Flag {
	return &cli.BoolFlag{Name: "force", Usage: "replace files that exist"}
}

func validityFlag(d time.Duration) cli.Flag {
	return &cli.DurationFlag{Name: "validity", Value: d, DefaultText: d.String(), Usage: "how long the certificate is valid"}
}

// written is what a command reports of the files it made.
type written struct {
	Identity string    `json:"identity,omitempty"`
	Cert     string    `json:"cert"`
	Key      string    `json:"key"`
	NotAfter time.Time `json:"not_after"`
}

// store writes a pair as {dir}/{base}.crt and .key, and says so.
func store(c *cli.Context, p *identity.KeyPair, dir, base, id string) error {
	out := written{Identity: id, Cert: filepath.Join(dir, base+".crt"), Key: filepath.Join(dir, base+".key"),
		NotAfter: p.Certificate.NotAfter}
	if err := p.WriteFiles(out.Cert, out.Key, c.Bool("force")); err != nil {
		return hintForce(err, base)
	}
	return show(c, out, func(w io.Writer) {
		if id != "" {
			row(w, "identity", id)
		}
		row(w, "certificate", out.Cert)
		row(w, "key", out.Key)
		row(w, "valid until", showTime(out.NotAfter))
	})
}

func showTime(t time.Time) string { return t.UTC().Format(time.RFC3339) }

// hintForce says how files that exist can be replaced, and what that costs.
func hintForce(err error, base string) error {
	switch {
	case !errors.Is(err, identity.ErrExists):
		return err
	case base == caBase:
		return fmt.Errorf("%w (--force replaces it, and makes every certificate of the old CA useless)", err)
	}
	return fmt.Errorf("%w (--force replaces it)", err)
}
