package netsyctl

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"github.com/netsy-io/netsy/pkg/devcluster"
	"github.com/netsy-io/netsy/pkg/handover"
	"github.com/netsy-io/netsy/pkg/netsypb/peerpb"
	"github.com/netsy-io/netsy/pkg/registry"

	clientpb "go.etcd.io/etcd/api/v3/etcdserverpb"
)

// A real cluster's Primary is passed on, and then to a node by name; what can't be is
// refused, and changes nothing.
func TestStepDownRealCluster(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), 2*realTimeout)
	defer cancel()
	dir := t.TempDir()
	c, err := devcluster.Start(ctx, devcluster.Options{Dir: dir, Nodes: 3})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	reg := registry.New(c.Store(), "dev-cluster")
	quorum := func() (doc registry.Cluster) {
		eventually(t, ctx, "mode quorum", func() error {
			if doc, err = reg.Cluster(ctx); err == nil && (doc.Durability.Mode != registry.ModeQuorum || len(doc.Durability.Voters) != 3) {
				err = fmt.Errorf("%+v", doc.Durability)
			}
			return err
		})
		return doc
	}
	config, certs := configNamed(t, "dev-cluster", filepath.Join(dir, "objects")), filepath.Join(dir, "certs")
	ask := func(command string, args ...string) (string, error) {
		flags := []string{"cluster", command, "--config", config, "--tls-ca", filepath.Join(certs, "ca.crt"), "--tls-cert", filepath.Join(certs, "admin.crt"), "--tls-key", filepath.Join(certs, "admin.key")}
		return split(t, append(flags, args...)...)
	}
	before := quorum()
	if _, err := kv(t, c, 0).Put(ctx, &clientpb.PutRequest{Key: []byte("k"), Value: []byte("v")}); err != nil {
		t.Fatal(err)
	}
	out, err := ask("step-down", "-o", "json")
	var r handover.Result
	if err := errors.Join(err, json.Unmarshal([]byte(out), &r)); err != nil {
		t.Fatal(err, out)
	}
	if r.Before.Primary != before.Primary || !r.SteppedDown || !r.AsWished || r.After.Primary.NodeID == before.Primary.NodeID || r.After.Epoch != before.Epoch+1 || r.Revision < 2 || r.Seconds <= 0 {
		t.Errorf("%s", out)
	}
	back := before.Primary.NodeID
	quorum()
	if out, err = ask("transfer", back); err != nil || !strings.Contains(out, back+"/") || !strings.Contains(out, "without a Primary") {
		t.Errorf("%v\n%s", err, out)
	}
	after := quorum()
	if after.Primary != before.Primary {
		t.Errorf("the Primary is %s", after.Primary)
	}
	for node, says := range map[string]string{back: "is the Primary", "node-9": "is not a member"} {
		if _, err := ask("transfer", node); ExitStatus(err) != exitFailed || !strings.Contains(err.Error(), says) {
			t.Errorf("%s: %v", node, err)
		}
	}
	if _, err := ask("transfer"); ExitStatus(err) != exitUnjudged {
		t.Error(err)
	}
	if now := quorum(); now.Epoch != after.Epoch {
		t.Errorf("the epoch is %d, it was %d", now.Epoch, after.Epoch)
	}
}

// What the Primary refuses is said with its reason, and who is Primary, if it isn't.
func TestStepDownOfOther(t *testing.T) {
	l := newLab(t)
	if _, err := l.run("", "step-down"); !errors.Is(err, handover.ErrNoPrimary) {
		t.Error(err)
	}
	l.start("n1", 1, nil)
	l.start("n2", 1, func(s *peerpb.NodeState) {
		s.Health, s.HealthReason = peerpb.Health_HEALTH_DEGRADED, "storage is away"
	})
	for _, ask := range [][]string{{"step-down"}, {"transfer", "n2"}} {
		if out, err := l.run("", ask[0], ask[1:]...); !errors.Is(err, handover.ErrUnfit) || ExitStatus(err) != exitFailed || !strings.Contains(err.Error(), "n2 is degraded: storage is away") || strings.Contains(out, "asking") {
			t.Error(ask, err, out)
		}
	}
	l.nodes["n2"].state.Health = peerpb.Health_HEALTH_HEALTHY
	l.nodes["n1"].refusal = &peerpb.StepDownRefusal{Reason: peerpb.StepDownRefusal_REASON_NOT_PRIMARY, Primary: &peerpb.NodeRef{NodeId: "n3", Incarnation: "i-n3"}}
	if _, err := l.run("", "step-down"); ExitStatus(err) != exitFailed || !strings.Contains(err.Error(), "n1 is not the active Primary of epoch 4") || !strings.Contains(err.Error(), "n3/i-n3 is") {
		t.Error(err)
	}
	// It has stepped down, and nobody takes its place; then another than was wished for does.
	l.nodes["n1"].refusal = nil
	out, err := l.run("", "transfer", "--timeout", "300ms", "n2")
	if !errors.Is(err, handover.ErrNobody) || !strings.Contains(out, "nobody yet") {
		t.Error(err, out)
	}
	l.start("n3", 1, func(s *peerpb.NodeState) {
		s.PrimaryState, s.ServedEpoch = peerpb.PrimaryState_PRIMARY_STATE_ACTIVE, 5
	})
	out, err = l.run("", "transfer", "n2")
	if !errors.Is(err, handover.ErrAnother) || ExitStatus(err) != exitFailed || !strings.Contains(out, "n3/i-n3, epoch 5") {
		t.Error(err, out)
	}
	if out, err = l.run("", "transfer", "n3"); err != nil {
		t.Error(err, out)
	}
	// A question without an answer may still have been heard.
	l.nodes["n1"].broken = true
	if out, err = l.run("", "transfer", "n3"); err != nil || !strings.Contains(out, "no clear answer") {
		t.Error(err, out)
	}
	l.nodes["n3"].state.ServedEpoch = 4
	if out, err = l.run("", "transfer", "--timeout", "300ms", "n3"); !errors.Is(err, handover.ErrUnknown) {
		t.Error(err, out)
	}
	if _, err = l.run("", "step-down", "--timeout", "0s"); ExitStatus(err) != exitUnjudged {
		t.Error(err)
	}
}
