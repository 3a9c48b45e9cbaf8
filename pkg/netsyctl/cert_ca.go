package netsyctl

import (
	"time"

	"github.com/urfave/cli/v2"

	"github.com/netsy-io/netsy/pkg/identity"
)

func certCACommand() *cli.Command {
	return &cli.Command{
		Name:  "ca",
		Usage: "make a certificate authority for one cluster",
		Description: `Writes ca.crt, which every process and client gets, and ca.key, which none of them
needs: keep it where certificates are issued.

  netsyctl cert ca --cluster-id prod
  netsyctl cert ca --cluster-id prod --dir /secure/prod --validity 43800h`,
		Flags: []cli.Flag{
			&cli.StringFlag{Name: "cluster-id", Required: true, Usage: "the cluster_id of the cluster file"},
			validityFlag(10 * 365 * 24 * time.Hour), dirFlag(), forceFlag(), outputFlag(),
		},
		Action: func(c *cli.Context) error {
			if err := noArgs(c); err != nil {
				return err
			}
			ca, err := identity.NewCA(c.String("cluster-id"), c.Duration("validity"))
			if err != nil {
				return err
			}
			return store(c, &ca.KeyPair, c.String("dir"), caBase, "")
		},
	}
}
