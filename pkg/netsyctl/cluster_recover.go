package netsyctl

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/netsy-io/netsy/pkg/clusterview"
	"github.com/netsy-io/netsy/pkg/netsypb/peerpb"
	"github.com/netsy-io/netsy/pkg/recovery"
	"github.com/netsy-io/netsy/pkg/registry"
)

func clusterRecoverCommand() *cli.Command {
	return &cli.Command{
		Name:  "recover",
		Usage: "give up what lost nodes alone hold, when too few voters will ever answer again",
		Description: `With durability mode quorum an acknowledged write may for a minute be on nodes only, so an election
needs enough of the voters. If they are gone for good, this is the way out, and it may lose what
only they held. It asks every registered node and prints the durability rule, who answers, how far
the object log and the best survivor go, and so what is at risk. Without --accept-data-loss that is all.

Before: make sure that the nodes that don't answer are really off, for they may still be serving
clients that can reach them; and bring back every node and every disk that can be brought back.
After: all nodes that answered should stay up until one of them is Primary.

  netsyctl cluster recover --config cluster.jsonc --tls-ca certs/ca.crt \
    --tls-cert certs/admin-alice.crt --tls-key certs/admin-alice.key
  netsyctl cluster recover --accept-data-loss ...`,
		Flags: append(tlsFlags(), clusterFileFlag(), outputFlag(),
			&cli.BoolFlag{Name: "accept-data-loss", Usage: "do it"},
			&cli.BoolFlag{Name: "yes", Usage: "don't ask for confirmation"}),
		Action: runRecover,
	}
}

func runRecover(c *cli.Context) error {
	if err := noArgs(c); err != nil {
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
	if _, err := b.readCluster(c.Context); err != nil {
		return err
	}
	f, err := recovery.Look(c.Context, b.store, b.reg, ask)
	if err != nil {
		return err
	}
	accepted := c.Bool("accept-data-loss") && f.Decision.Verdict == recovery.Needed
	if !accepted || forPeople(c) { // JSON and YAML are one document: with what was done, if anything is
		if err := showLoss(c, f, nil); err != nil {
			return err
		}
	}
	if !accepted {
		return advise(c, f)
	}
	if !c.Bool("yes") {
		if err := confirm(c, b.clusterID); err != nil {
			return err
		}
	}
	done, err := recovery.Recover(c.Context, b.reg, f)
	switch {
	case errors.Is(err, registry.ErrConflict):
		return fmt.Errorf("%w: somebody else changed it meanwhile; look with netsyctl cluster show, and run the command again if epoch %d goes on", err, f.Cluster.Epoch)
	case errors.Is(err, registry.ErrUnknownOutcome):
		return fmt.Errorf("%w: look with netsyctl cluster show, and run the command again if epoch %d goes on", err, f.Cluster.Epoch)
	case err != nil:
		return err
	case !forPeople(c):
		return showLoss(c, f, &done)
	}
	_, err = fmt.Fprintf(c.App.Writer, "\nDone: epoch %d begins. The elector now chooses a Primary, once all healthy nodes that answered do so again;\nkeep them up until it has.\n", done.Epoch)
	return err
}

// advise says how to go on, or why there is nothing to recover.
func advise(c *cli.Context, f recovery.Findings) error {
	err := refusal(f)
	if err == nil && forPeople(c) {
		_, err = fmt.Fprintln(c.App.Writer, "\nBring back every node and disk that can be brought back. To give up what is at risk: --accept-data-loss.")
	}
	return err
}

// refusal says why there is nothing to recover; nil if there is.
func refusal(f recovery.Findings) error {
	d := f.Decision
	switch d.Verdict {
	case recovery.Unneeded:
		return fmt.Errorf("nothing to recover: durability mode is %q, so everything acknowledged is in the object log and any healthy node can be elected; if none is, start one, and see the elector's log",
			f.Cluster.Durability.Mode)
	case recovery.PrimaryAnswers:
		for _, n := range f.Nodes {
			if n.Answer != nil && n.Answer.Node == d.Primary {
				return fmt.Errorf("nothing to recover: %s answers and says it is %s Primary of epoch %d; if it shouldn't be, stop it first", d.Primary, clusterview.PrimaryStateName(n.Answer.PrimaryState), n.Answer.ServedEpoch)
			}
		}
	case recovery.EnoughAnswer:
		return fmt.Errorf("nothing to recover: %d voters answer and an election needs %d; %s", len(d.Answering), d.Promises, hints(f))
	case recovery.Needed:
		return nil
	}
	return recovery.ErrNotNeeded // never reached: each verdict is above
}

// hints says why there is no Primary although enough voters answer.
func hints(f recovery.Findings) string {
	var ill []string
	for _, n := range f.Nodes {
		if n.Answer != nil && n.Answer.Health != peerpb.Health_HEALTH_HEALTHY {
			ill = append(ill, fmt.Sprintf("%s is %s: %s", n.Answer.Node.NodeID, clusterview.HealthName(n.Answer.Health), orDash(n.Answer.HealthReason)))
		}
	}
	if len(ill) == 0 {
		return "see the elector's log, and that one runs"
	}
	return "mend what is not healthy: " + strings.Join(ill, "; ")
}

// confirm wants the cluster's id typed.
func confirm(c *cli.Context, clusterID string) error {
	fmt.Fprintf(c.App.ErrWriter, "\nType the cluster's id, %s, to go on: ", clusterID)
	line, err := bufio.NewReader(c.App.Reader).ReadString('\n')
	if err != nil && !errors.Is(err, io.EOF) {
		return fmt.Errorf("reading the confirmation: %w", err)
	}
	if strings.TrimSpace(line) != clusterID {
		return errors.New("not confirmed; nothing was done")
	}
	return nil
}
