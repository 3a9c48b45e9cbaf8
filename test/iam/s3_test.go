//go:build linux

package iam

import (
	"bytes"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/credentials"

	"github.com/netsy-io/netsy/pkg/objectstore"
	"github.com/netsy-io/netsy/pkg/objectstore/s3"
	"github.com/netsy-io/netsy/test/internal/proc"
)

var s3Env = []string{"AWS_ACCESS_KEY_ID=" + s3Access, "AWS_SECRET_ACCESS_KEY=" + s3Secret, "AWS_EC2_METADATA_DISABLED=true"}

// s3Storage returns what a cluster file says of storage; each role and prefix has a front.
func s3Storage(t *testing.T, g *gate, without ...string) func(role, prefix string) map[string]any {
	fronts := map[string]string{}
	return func(role, prefix string) map[string]any {
		if fronts[role+prefix] == "" {
			fronts[role+prefix] = g.front(role, prefix, grantsOf(role, func(r string) []Grant { return except(s3Grants(t, r, prefix), without) }))
		}
		return map[string]any{"provider": "s3", "bucket_name": bucketName, "key_prefix": strings.TrimSuffix(prefix, "/"), "endpoint": fronts[role+prefix], "region": s3Region, "path_style": true,
			"encryption": "kms", "kms_key_id": kmsKey, "class": "STANDARD"}
	}
}

// grantsOf returns a role's grants; a node with an elector in it has both's.
func grantsOf(role string, of func(string) []Grant) (out []Grant) {
	for r := range strings.SplitSeq(role, "+") {
		out = append(out, of(r)...)
	}
	return out
}

// except returns the grants but for those whose text contains one of without.
func except(grants []Grant, without []string) []Grant {
	return slices.DeleteFunc(grants, func(g Grant) bool {
		return slices.ContainsFunc(without, func(w string) bool { return strings.Contains(g.String(), w) })
	})
}

// TestS3: a cluster's whole life under the policies. Nothing is denied, and nothing that
// the policies grant could be left out.
func TestS3(t *testing.T) {
	g, c := startS3(t)
	l := &lifetime{gate: g, cluster: newCluster(t, s3Env, s3Storage(t, g)), ctx: t.Context(), nodes: map[string]*proc.Proc{},
		growOld: func() { c.growOld(t) },
		get: func(key string) ([]byte, bool) {
			b, err := os.ReadFile(filepath.Join(c.root, bucketName, key))
			return b, err == nil
		},
		put: func(key string, body []byte) {
			everything := statementGrant{Statement{Sid: "All", Effect: "Allow", Action: list{"*"}, Resource: list{"*"}}}
			s := openS3(t, g.front("outsider", "", []Grant{everything}), "", 0)
			_, err := s.Put(t.Context(), key, body, objectstore.Always())
			must(t, err)
		}}
	l.live()
	inParts(t, g, l.cluster)
	judgeAll(t, g, func(role string) []Grant { return s3Grants(t, role, keyPrefix) })
}

// inParts sends again, in parts, what each role was seen to send as a stream: a body above
// 256 MiB would have been. Then a part fails, and the upload is aborted.
func inParts(t *testing.T, g *gate, c *cluster) {
	for _, role := range roles {
		var streamed []string
		for _, r := range g.of(role) {
			if r.Operation == "PutObject" && r.Streamed && !slices.Contains(streamed, classOf(r)) {
				streamed = append(streamed, classOf(r))
			}
		}
		for _, class := range streamed {
			t.Logf("%s sends %s in parts", role, class)
			s := openS3(t, c.storage(role, keyPrefix)["endpoint"].(string), keyPrefix, 5<<20)
			key := strings.Replace(strings.TrimPrefix(class, keyPrefix), "*", "in-parts-by-"+role, 1)
			body := bytes.Repeat([]byte("netsy"), 1<<20+1)
			if _, err := s.PutStream(t.Context(), key, bytes.NewReader(body), int64(len(body)), objectstore.IfAbsent()); err != nil {
				t.Errorf("%s: %v", role, err)
			}
			g.misbehave(func(w http.ResponseWriter, r *http.Request) bool {
				if part := r.URL.Query().Get("partNumber"); part != "2" {
					return false
				}
				http.Error(w, "no", http.StatusBadRequest)
				return true
			})
			if _, err := s.PutStream(t.Context(), key+"2", bytes.NewReader(body), int64(len(body)), objectstore.IfAbsent()); err == nil || strings.Contains(err.Error(), "could not be removed") {
				t.Errorf("%s: %v", role, err)
			}
			g.misbehave(nil)
		}
	}
}

// openS3 opens the bucket by a front.
func openS3(t *testing.T, endpoint, prefix string, part int64) *s3.Store {
	t.Helper()
	s, err := s3.Open(t.Context(), s3.Config{Bucket: bucketName, Prefix: prefix, Endpoint: endpoint, Region: s3Region, PathStyle: true, KMS: true, KMSKeyID: kmsKey,
		Credentials: credentials.NewStaticCredentialsProvider(s3Access, s3Secret, ""), PartSize: part})
	must(t, err)
	return s
}

// TestS3EmbeddedElector: a node with an elector in it has both policies.
func TestS3EmbeddedElector(t *testing.T) {
	g, _ := startS3(t)
	c := newCluster(t, s3Env, s3Storage(t, g))
	p := c.startNodeAs("node+elector", "node-1", keyPrefix, "--with-elector")
	l := &lifetime{cluster: c, ctx: t.Context()}
	c.primary(l.ctx, map[string]*proc.Proc{"node-1": p})
	l.write("node-1", 2)
	c.stop(p)
	noneDenied(t, g)
}

// classOf is a request's key without what differs from one object to the next.
func classOf(r request) string {
	key := strings.Replace(r.Key, r.Prefix, keyPrefix, 1)
	dir, _ := filepath.Split(key)
	switch strings.TrimPrefix(dir, keyPrefix) {
	case "chunks/", "snapshots/", "nodes/", "probe/":
		return dir + "*"
	}
	return key
}

func noneDenied(t *testing.T, g *gate) {
	t.Helper()
	for _, s := range g.strange {
		t.Error(s)
	}
	said := map[string]bool{}
	for _, r := range g.requests {
		if r.Denied == nil {
			continue
		}
		if s := fmt.Sprintf("%s: %s of %s was denied: it takes %s", r.Role, r.Operation, classOf(r), *r.Denied); !said[s] {
			t.Error(s)
			said[s] = true
		}
	}
}

// judgeAll: no request was denied, no grant is idle.
func judgeAll(t *testing.T, g *gate, grantsFor func(role string) []Grant) {
	t.Helper()
	noneDenied(t, g)
	for _, role := range roles {
		var needs []Need
		counts := map[string]int{}
		for _, r := range g.of(role) {
			counts[r.Operation+" "+classOf(r)]++
			for _, n := range r.Needs {
				needs = append(needs, normal(n, r.Prefix))
			}
		}
		grants := grantsFor(role)
		_, idle := Judge(grants, needs)
		for _, i := range idle {
			t.Errorf("%s: nothing needs the grant %s", role, i)
		}
		var lines []string
		for k, n := range counts {
			lines = append(lines, fmt.Sprintf("%6d %s", n, k))
		}
		slices.SortFunc(lines, func(a, b string) int { return strings.Compare(a[7:], b[7:]) })
		t.Logf("%s: %d grants, all needed: %t\n%s", role, len(grants), len(idle) == 0, strings.Join(lines, "\n"))
		if !t.Failed() {
			mutations(t, role, grants, needs)
		}
	}
}

// mutations: the judgement notices each grant that is taken out, and each that nobody needs.
func mutations(t *testing.T, role string, grants []Grant, needs []Need) {
	t.Helper()
	for i, g := range grants {
		if denied, _ := Judge(slices.Delete(slices.Clone(grants), i, i+1), needs); len(denied) == 0 {
			t.Errorf("%s: %s was taken out, and nothing is denied", role, g)
		}
	}
	extra := statementGrant{Statement{Sid: "Extra", Effect: "Allow", Action: list{"s3:DeleteBucket"}, Resource: list{"arn:aws:s3:::" + bucketName}}}
	if _, idle := Judge(append(slices.Clone(grants), extra), needs); len(idle) != 1 {
		t.Errorf("%s: s3:DeleteBucket was added, and nobody notices", role)
	}
}
