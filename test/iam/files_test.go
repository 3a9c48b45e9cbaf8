//go:build linux

package iam

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

const (
	dir        = "../../deploy/iam"
	bucketName = "netsy"
	keyPrefix  = "prod/"
)

// roles are Netsy's users of a bucket, each with a file of its name in s3 and in gcs.
var roles = []string{"node", "elector", "compactor", "operator-readonly", "operator-admin"}

// kmsOf is the policy that a role has besides, where objects are encrypted with KMS.
var kmsOf = map[string]string{"node": "kms-write", "elector": "kms-write", "compactor": "kms-write", "operator-admin": "kms-write", "operator-readonly": "kms-read"}

// render fills in a file's variables, as envsubst and Terraform's templatefile do.
func render(t testing.TB, name, prefix string) []byte {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(dir, name))
	must(t, err)
	values := map[string]string{"BUCKET": bucketName, "PREFIX": prefix, "KMS_KEY_ARN": kmsKey, "PROJECT": "my-project", "ACCOUNT": "111122223333"}
	var pairs []string
	for k, v := range values {
		pairs = append(pairs, "${"+k+"}", v)
	}
	return []byte(strings.NewReplacer(pairs...).Replace(string(b)))
}

// s3Grants are what a role's policies on AWS give.
func s3Grants(t testing.TB, role, prefix string) (out []Grant) {
	t.Helper()
	for _, name := range []string{role, kmsOf[role]} {
		p, err := ParsePolicy(render(t, "s3/"+name+".json", prefix))
		if err != nil {
			t.Fatalf("s3/%s.json: %v", name, err)
		}
		grants, err := p.Grants()
		if err != nil {
			t.Fatalf("s3/%s.json: %v", name, err)
		}
		out = append(out, grants...)
	}
	return out
}

// gcsGrants are what a role's bindings on Google Cloud give.
func gcsGrants(t testing.TB, role, prefix string) []Grant {
	t.Helper()
	b, err := ParseBindings(render(t, "gcs/"+role+".json", prefix))
	if err != nil {
		t.Fatalf("gcs/%s.json: %v", role, err)
	}
	grants, err := b.Grants(customRoles(t))
	if err != nil {
		t.Fatalf("gcs/%s.json: %v", role, err)
	}
	return grants
}

func customRoles(t testing.TB) map[string]*CustomRole {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(dir, "gcs/roles/*.yaml"))
	must(t, err)
	out := map[string]*CustomRole{}
	for _, f := range files {
		b, err := os.ReadFile(f)
		must(t, err)
		r, err := ParseRole(b)
		if err != nil {
			t.Fatalf("%s: %v", f, err)
		}
		out[strings.TrimSuffix(filepath.Base(f), ".yaml")] = r
	}
	return out
}
