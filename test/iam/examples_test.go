//go:build linux

package iam

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// TestTrust: each example lets one kind of principal take the role, and nothing else.
func TestTrust(t *testing.T) {
	for name, action := range map[string]string{"ec2": "sts:AssumeRole", "eks-pod-identity": "sts:AssumeRole sts:TagSession", "irsa": "sts:AssumeRoleWithWebIdentity"} {
		p, err := ParsePolicy(render(t, "s3/trust/"+name+".json", keyPrefix))
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		s := p.Statement[0]
		var principal map[string]string
		if err := json.Unmarshal(s.Principal, &principal); err != nil || len(principal) != 1 || len(p.Statement) != 1 || s.Effect != "Allow" || strings.Join(s.Action, " ") != action || len(s.Resource) != 0 {
			t.Errorf("%s: %+v, %v", name, s, err)
		}
		if name != "ec2" && len(s.Condition["StringEquals"]) != 2 {
			t.Errorf("%s: any workload may take the role: %v", name, s.Condition)
		}
	}
}

// TestBucketPolicy: it denies what isn't TLS, and allows nobody anything.
func TestBucketPolicy(t *testing.T) {
	p, err := ParsePolicy(render(t, "s3/bucket-policy.json", keyPrefix))
	must(t, err)
	for _, s := range p.Statement {
		if s.Effect != "Deny" || string(s.Principal) != `"*"` {
			t.Errorf("%+v", s)
		}
		for _, resource := range []string{"arn:aws:s3:::netsy", "arn:aws:s3:::netsy/prod/chunks/1"} {
			for secure, denied := range map[string]bool{"true": false, "false": true} {
				if s.Matches(Need{"s3:GetObject", resource, map[string]string{"aws:SecureTransport": secure}}) != denied {
					t.Errorf("%s, TLS %s", resource, secure)
				}
			}
		}
	}
}

// TestLifecycle: uploads that were never completed end, and nothing else does.
func TestLifecycle(t *testing.T) {
	var doc struct{ Rules []map[string]any }
	must(t, json.Unmarshal(render(t, "s3/lifecycle.json", keyPrefix), &doc))
	for _, r := range doc.Rules {
		for k := range r {
			switch k {
			case "ID", "Status", "Filter", "AbortIncompleteMultipartUpload":
			default:
				t.Errorf("the rule %v has %s", r["ID"], k)
			}
		}
	}
	if len(doc.Rules) != 1 {
		t.Errorf("%d rules", len(doc.Rules))
	}
}

// TestGCSBucketPolicy: bindings are added to those that are there.
func TestGCSBucketPolicy(t *testing.T) {
	current := filepath.Join(t.TempDir(), "current.json")
	must(t, os.WriteFile(current, []byte(`{"version": 1, "etag": "e", "bindings": [{"role": "roles/storage.admin", "members": ["user:a"]}]}`), 0o644))
	args := []string{current}
	want := 1
	for _, role := range roles {
		file := filepath.Join(dir, "gcs", role+".json")
		args = append(args, file)
		b, err := ParseBindings(render(t, "gcs/"+role+".json", keyPrefix))
		must(t, err)
		want += len(b.Bindings)
	}
	cmd := exec.Command(filepath.Join(dir, "gcs/bucket-policy.sh"), args...)
	cmd.Env = append(os.Environ(), "BUCKET="+bucketName, "PREFIX="+keyPrefix, "PROJECT=my-project")
	out, err := cmd.Output()
	must(t, err)
	var got struct {
		Version  int
		Etag     string
		Bindings []Binding
	}
	must(t, json.Unmarshal(out, &got))
	if got.Version != 3 || got.Etag != "e" || len(got.Bindings) != want || got.Bindings[0].Role != "roles/storage.admin" {
		t.Errorf("%d bindings, want %d: %s", len(got.Bindings), want, out)
	}
}

// TestRoles: every role's file is used, and has what gcloud asks for.
func TestRoles(t *testing.T) {
	used := map[string]bool{}
	for _, role := range roles {
		for _, g := range gcsGrants(t, role, keyPrefix) {
			used[g.(clauseGrant).role] = true
		}
	}
	for name, r := range customRoles(t) {
		if !used[name] || r.Title == "" || r.Description == "" || r.Stage != "GA" || len(r.IncludedPermissions) == 0 {
			t.Errorf("%s: used %t, %+v", name, used[name], r)
		}
	}
}

// TestEmptyPrefix: without a key prefix the policies are about the whole bucket's keys.
func TestEmptyPrefix(t *testing.T) {
	for _, role := range roles {
		if !Allowed(s3Grants(t, role, ""), Need{"s3:ListBucket", "arn:aws:s3:::netsy", map[string]string{"s3:prefix": ""}}) ||
			!Allowed(s3Grants(t, role, ""), Need{"s3:GetObject", "arn:aws:s3:::netsy/cluster.json", nil}) ||
			!Allowed(gcsGrants(t, role, ""), Need{"storage.objects.get", "projects/_/buckets/netsy/objects/cluster.json", nil}) {
			t.Errorf("%s can't read", role)
		}
	}
}

// TestApart: what no role may do, whatever it is granted besides.
func TestApart(t *testing.T) {
	const s3, gcs = "arn:aws:s3:::netsy/prod/", "projects/_/buckets/netsy/objects/prod/"
	for _, c := range []struct{ role, s3, gcs, key string }{
		{"node", "s3:DeleteObject", "storage.objects.delete", "chunks/0000000000000000001.netsy"},
		{"node", "s3:PutObject", "storage.objects.create", "snapshots/0000000000000000001.netsy"},
		{"node", "s3:PutObject", "storage.objects.create", "members.json"},
		{"node", "s3:PutObject", "storage.objects.create", "leader/elector.json"},
		{"elector", "s3:PutObject", "storage.objects.create", "chunks/0000000000000000001.netsy"},
		{"elector", "s3:DeleteObject", "storage.objects.delete", "snapshots/0000000000000000001.netsy"},
		{"elector", "s3:PutObject", "storage.objects.create", "nodes/node-1.json"},
		{"compactor", "s3:PutObject", "storage.objects.create", "cluster.json"},
		{"compactor", "s3:DeleteObject", "storage.objects.delete", "nodes/node-1.json"},
		{"operator-readonly", "s3:PutObject", "storage.objects.create", "probe/x"},
		{"operator-admin", "s3:DeleteObject", "storage.objects.delete", "chunks/0000000000000000001.netsy"},
		{"operator-admin", "s3:DeleteObject", "storage.objects.delete", "cluster.json?"},
	} {
		if Allowed(s3Grants(t, c.role, keyPrefix), Need{c.s3, s3 + c.key, nil}) || Allowed(gcsGrants(t, c.role, keyPrefix), Need{c.gcs, gcs + c.key, nil}) {
			t.Errorf("%s: %s of %s", c.role, c.s3, c.key)
		}
	}
	for _, role := range roles {
		for _, n := range []Need{
			{"s3:GetObject", "arn:aws:s3:::netsy/production/chunks/1", nil}, {"s3:GetObject", "arn:aws:s3:::netsy2/prod/chunks/1", nil},
			{"s3:ListBucket", "arn:aws:s3:::netsy", map[string]string{"s3:prefix": "other/"}}, {"s3:ListBucket", "arn:aws:s3:::netsy", nil},
			{"s3:DeleteBucket", "arn:aws:s3:::netsy", nil}, {"s3:PutBucketPolicy", "arn:aws:s3:::netsy", nil}, {"s3:GetObjectVersion", s3 + "chunks/1", nil},
			{"s3:DeleteObjectVersion", s3 + "chunks/1", nil}, {"s3:PutLifecycleConfiguration", "arn:aws:s3:::netsy", nil},
		} {
			if Allowed(s3Grants(t, role, keyPrefix), n) {
				t.Errorf("%s: %v", role, n)
			}
		}
		for _, n := range []Need{{"storage.objects.get", "projects/_/buckets/netsy/objects/other/x", nil}, {"storage.buckets.get", "projects/_/buckets/netsy", nil}, {"storage.objects.update", gcs + "cluster.json", nil}} {
			if Allowed(gcsGrants(t, role, keyPrefix), n) {
				t.Errorf("%s: %v", role, n)
			}
		}
	}
}
