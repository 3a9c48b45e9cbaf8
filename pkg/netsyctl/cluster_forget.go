package netsyctl

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/urfave/cli/v2"

	"github.com/netsy-io/netsy/pkg/recovery"
	"github.com/netsy-io/netsy/pkg/registry"
)

func clusterForgetCommand() *cli.Command {
	return &cli.Command{
		Name:      "forget",
		Usage:     "delete the registration of a stopped node, so that its id can come back at other addresses",
		ArgsUsage: "NODE_ID",
		Description: `A node that is gone is deregistered by the elector after elector.deregistration_timeout, without this
command. It is for a node that moves: stop it, forget it, start it at its new addresses with the
data directory as it was, or with an empty one, never with an older image of it. A voter stays one.
A node that answers at its registered address isn't forgotten.

  netsyctl cluster forget --config cluster.jsonc --tls-ca certs/ca.crt \
    --tls-cert certs/admin-alice.crt --tls-key certs/admin-alice.key node-3`,
		Flags: append(tlsFlags(), clusterFileFlag(), outputFlag()),
		Action: func(c *cli.Context) error {
			id, err := oneArg(c, "NODE_ID")
			if err != nil {
				return err
			}
			b, err := openBucket(c)
			if err != nil {
				return err
			}
			ask, err := asker(c, b.clusterID)
			if err != nil {
				return err
			}
			n, err := b.forget(c.Context, id, ask)
			if err != nil {
				return err
			}
			return show(c, forgotten{n.NodeID, n.Incarnation}, func(w io.Writer) { row(w, "forgotten", n.Ref().String()) })
		},
	}
}

type forgotten struct {
	NodeID      string `json:"node_id"`
	Incarnation string `json:"incarnation"`
}

// forget deletes the registration of a node that doesn't answer.
func (b *bucket) forget(ctx context.Context, id string, ask recovery.Ask) (registry.Node, error) {
	n, err := b.reg.Node(ctx, id)
	if errors.Is(err, registry.ErrNotFound) {
		return n, fmt.Errorf("%w: %q isn't registered (see netsyctl cluster show)", err, id)
	}
	if err != nil {
		return n, err
	}
	asking, cancel := context.WithTimeout(ctx, recovery.AskTimeout)
	defer cancel()
	if _, err := ask(asking, n); err == nil {
		return n, fmt.Errorf("%s answers at %s: stop it first", n.Ref(), n.PeerURLs[0])
	}
	err = b.reg.DeleteNode(ctx, n)
	switch {
	case errors.Is(err, registry.ErrConflict):
		return n, fmt.Errorf("%w: %q has registered again meanwhile, so it lives", err, id)
	case errors.Is(err, registry.ErrUnknownOutcome):
		return n, fmt.Errorf("%w: run the command again", err)
	}
	return n, err
}
