//go:build linux

package iam

import (
	"strings"
	"testing"
	"time"

	"github.com/netsy-io/netsy/test/internal/proc"
)

// denial is one permission that is missing, and what the program says then.
type denial struct {
	name, role, without string
	says                []string
	runs                bool // the program goes on, and says it
}

// TestS3Denied: a program whose policy lacks something says which operation on which
// object was refused, and what to grant.
func TestS3Denied(t *testing.T) {
	for _, d := range []denial{
		{"list", "elector", "List:", []string{"s3:ListBucket"}, false},
		{"write the probe", "elector", "s3:PutObject on arn:aws:s3:::netsy/prod/probe/*", []string{"probing s3://netsy/prod/", "put of netsy/prod/probe/", "takes s3:PutObject;"}, false},
		{"delete the probe", "compactor", "s3:DeleteObject on arn:aws:s3:::netsy/prod/probe/*", []string{"delete of netsy/prod/probe/", "takes s3:DeleteObject"}, false},
		{"read the rules", "node", "s3:GetObject on arn:aws:s3:::netsy/prod/cluster.json", []string{"get of netsy/prod/cluster.json", "takes s3:GetObject, and s3:ListBucket"}, false},
		{"take office", "elector", "s3:PutObject on arn:aws:s3:::netsy/prod/leader/elector.json", []string{"put of netsy/prod/leader/elector.json", "takes s3:PutObject"}, false},
		{"register", "node", "s3:PutObject on arn:aws:s3:::netsy/prod/nodes/*", []string{"put of netsy/prod/nodes/node-1.json", "takes s3:PutObject"}, false},
		{"encrypt", "elector", "kms:GenerateDataKey", []string{"put of netsy/prod/probe/", "of the KMS key kms:GenerateDataKey", "not authorized to perform: kms:GenerateDataKey"}, false},
		{"write the log", "node+elector", "s3:PutObject on arn:aws:s3:::netsy/prod/chunks/*", []string{"put of netsy/prod/chunks/0000000000000000001.netsy", "takes s3:PutObject"}, true},
		{"look", "operator-readonly", "Read:", []string{"netsy/prod/", "takes s3:GetObject, and s3:ListBucket"}, false},
	} {
		t.Run(d.name, func(t *testing.T) {
			g, _ := startS3(t)
			d.check(t, newCluster(t, s3Env, s3Storage(t, g, d.without)))
		})
	}
}

// TestGCSDenied is TestS3Denied for Google Cloud.
func TestGCSDenied(t *testing.T) {
	for _, d := range []denial{
		{"list", "elector", "netsyList", []string{"get of netsy/prod/leader/elector.json", "and storage.objects.list on the bucket"}, false},
		{"write the probe", "node", "storage.objects.create where resource.name.startsWith('projects/_/buckets/netsy/objects/prod/probe/')", []string{"put of netsy/prod/probe/", "takes storage.objects.create"}, false},
		{"replace the probe", "node", "storage.objects.delete where resource.name.startsWith('projects/_/buckets/netsy/objects/prod/probe/')", []string{"put of netsy/prod/probe/", "storage.objects.delete"}, false},
		{"write the log", "node+elector", "netsyCreate: storage.objects.create where resource.name.startsWith('projects/_/buckets/netsy/objects/prod/chunks/')", []string{"put of netsy/prod/chunks/0000000000000000001.netsy", "takes storage.objects.create"}, true},
	} {
		t.Run(d.name, func(t *testing.T) {
			g, _ := startGCS(t)
			d.check(t, newCluster(t, nil, gcsStorage(t, g, d.without)))
		})
	}
}

func (d denial) check(t *testing.T, c *cluster) {
	var p *proc.Proc
	switch d.role {
	case "node":
		p = c.startNode("node-1", keyPrefix)
	case "node+elector":
		p = c.startNodeAs(d.role, "node-1", keyPrefix, "--with-elector")
	case "elector":
		p = c.startElector("elector-1", keyPrefix)
	case "compactor":
		p = c.start("netsy-compactor", "tool", map[string]string{"NETSY_CONFIG": c.config(d.role, keyPrefix), "NETSY_BIND_HEALTH": "127.0.0.1:0"}, "--once")
	default:
		p = c.start("netsyctl", "tool", map[string]string{"NETSY_CONFIG": c.config(d.role, keyPrefix)}, "cluster", "show")
	}
	if d.runs {
		p.AwaitOutput(t.Context(), d.says[0])
		c.stop(p)
	} else if code := p.Exit(time.Minute); code == 0 {
		t.Error("it ended as if all were well")
	}
	out := p.Out.String()
	for _, s := range d.says {
		if !strings.Contains(out, s) {
			t.Errorf("it doesn't say %q", s)
		}
	}
	t.Log(out)
}

// TestWithoutStatusPage: the statement is for the status page alone, which shows what it may.
func TestWithoutStatusPage(t *testing.T) {
	g, _ := startS3(t)
	c := newCluster(t, s3Env, s3Storage(t, g, "StatusPage:"))
	e := c.startElector("elector-1", keyPrefix)
	nodes := map[string]*proc.Proc{"node-1": c.startNode("node-1", keyPrefix)}
	l := &lifetime{cluster: c, ctx: t.Context()}
	l.write(c.primary(t.Context(), nodes), 2)
	for _, m := range c.members {
		if status, _, err := proc.Page(t.Context(), m.health, "/"); err != nil || status != 200 {
			t.Errorf("status %d, %v", status, err)
		}
	}
	c.stop(nodes["node-1"])
	c.stop(e)
}
