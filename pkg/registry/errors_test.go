package registry

import (
	"errors"
	"fmt"
	"strings"
	"testing"
)

func TestClusterMismatch(t *testing.T) {
	r, f, ctx := setup(t)
	mustCluster(t, r)
	if _, err := r.AssignMembers(ctx, []string{"n"}); err != nil {
		t.Fatal(err)
	}
	other := New(f, "c2")
	for name, call := range map[string]func() error{
		"read":    func() error { _, err := other.Cluster(ctx); return err },
		"ensure":  func() error { _, err := other.EnsureCluster(ctx, 0); return err },
		"members": func() error { _, err := other.AssignMembers(ctx, []string{"m"}); return err },
	} {
		err := call()
		var m *ClusterMismatchError
		if !errors.As(err, &m) || m.Found != "c1" || m.Want != "c2" || !Permanent(err) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// Damage of every kind names the object, and the field where there is one.
func TestDamagedDocuments(t *testing.T) {
	r, f, ctx := setup(t)
	mustCluster(t, r)
	good := content(t, f, ClusterKey)
	for name, c := range map[string]struct{ body, field string }{
		"empty":          {"", ""},
		"truncated":      {good[:len(good)/2], ""},
		"array":          {"[]", ""},
		"trailing":       {good + "{}", ""},
		"twice":          {strings.Replace(good, `{`, `{"seq": 1,`, 1), ""},
		"missing":        {strings.Replace(good, `"epoch"`, `"Epoch"`, 1), "epoch"},
		"null":           {strings.Replace(good, `"origin": 0`, `"origin": null`, 1), "origin"},
		"string epoch":   {strings.Replace(good, `"epoch": 0`, `"epoch": "0"`, 1), "epoch"},
		"fraction":       {strings.Replace(good, `"epoch": 0`, `"epoch": 0.5`, 1), "epoch"},
		"negative":       {strings.Replace(good, `"epoch": 0`, `"epoch": -1`, 1), "epoch"},
		"negative lease": {strings.Replace(good, `"lease_timeout_nanos": 0`, `"lease_timeout_nanos": -1`, 1), "lease_timeout_nanos"},
		"lease string":   {strings.Replace(good, `"lease_timeout_nanos": 0`, `"lease_timeout_nanos": "2s"`, 1), "lease_timeout_nanos"},
		"lease null":     {strings.Replace(good, `"lease_timeout_nanos": 0`, `"lease_timeout_nanos": null`, 1), "lease_timeout_nanos"},
		"unknown mode":   {strings.Replace(good, `"object-storage"`, `"raft"`, 1), "durability"},
		"voters no list": {strings.Replace(good, `"voters": []`, `"voters": {}`, 1), "durability.voters"},
		"primary":        {strings.Replace(good, `"node_id": ""`, `"node_id": "n1"`, 1), "primary"},
		"primary number": {strings.Replace(good, `"node_id": ""`, `"node_id": 1`, 1), "primary.node_id"},
	} {
		if c.body == good {
			t.Fatalf("%s: the case doesn't apply", name)
		}
		overwrite(t, f, ClusterKey, c.body)
		_, err := r.UpdateCluster(ctx, func(*Cluster) error { return nil })
		var d *DamagedError
		if !errors.As(err, &d) || d.Key != ClusterKey || d.Field != c.field || !Permanent(err) {
			t.Errorf("%s: %v", name, err)
		}
		if content(t, f, ClusterKey) != c.body {
			t.Errorf("%s: was overwritten", name)
		}
	}
	overwrite(t, f, ClusterKey, strings.Repeat(" ", maxDocument+1))
	if _, err := r.Cluster(ctx); !Permanent(err) {
		t.Errorf("oversized: %v", err)
	}
	for name, members := range map[string]string{"zero": `{"a": 0}`, "shared": `{"a": 1, "b": 1}`, "negative": `{"a": -1}`, "null": `{"a": null}`} {
		overwrite(t, f, MembersKey, fmt.Sprintf(`{"cluster_id": "c1", "seq": 1, "write_id": "w", "members": %s}`, members))
		var d *DamagedError
		if _, err := r.Members(ctx); !errors.As(err, &d) {
			t.Errorf("member ids %s: %v", name, err)
		}
	}
}
