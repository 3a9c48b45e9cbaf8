//go:build linux

package iam

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/fsouza/fake-gcs-server/fakestorage"

	"github.com/netsy-io/netsy/test/internal/proc"
)

// gcsCloud is fake-gcs-server, with what it doesn't know of Cloud Storage: IAM, and
// preconditions of deletions.
type gcsCloud struct{ server *fakestorage.Server }

func (c *gcsCloud) classify(r *http.Request) (string, string, []Need, []Need, error) {
	op, err := GCS(r, func(bucket, key string) bool {
		_, err := c.server.GetObject(bucket, key)
		return err == nil
	})
	return op.Name, op.Key, op.Needs, op.IfMissing, err
}

func (c *gcsCloud) refuse(w http.ResponseWriter, _ *http.Request, need Need) {
	w.Header().Set("Content-Type", "application/json; charset=UTF-8")
	w.WriteHeader(http.StatusForbidden)
	message := fmt.Sprintf("netsy@my-project.iam.gserviceaccount.com does not have %s access to the Google Cloud Storage object. Permission '%s' denied on resource (or it may not exist).", need.Action, need.Action)
	_ = json.NewEncoder(w).Encode(map[string]any{"error": map[string]any{"code": 403, "message": message,
		"errors": []any{map[string]string{"message": message, "domain": "global", "reason": "forbidden"}}}})
}

func (c *gcsCloud) answered(*http.Request, int) {}

// stale answers a deletion of another generation than there is: 412, as Cloud Storage does.
func (c *gcsCloud) stale(w http.ResponseWriter, r *http.Request) bool {
	want := r.URL.Query().Get("ifGenerationMatch")
	if r.Method != http.MethodDelete || want == "" {
		return false
	}
	_, name, _ := strings.Cut(r.URL.Path, "/b/"+bucketName+"/o/")
	o, err := c.server.GetObject(bucketName, name)
	if err != nil || strconv.FormatInt(o.Generation, 10) == want {
		return false
	}
	http.Error(w, `{"error":{"code":412,"message":"conditionNotMet","errors":[{"reason":"conditionNotMet"}]}}`, http.StatusPreconditionFailed)
	return true
}

func startGCS(t *testing.T) (*gate, *gcsCloud) {
	t.Helper()
	server, err := fakestorage.NewServerWithOptions(fakestorage.Options{Scheme: "http", Host: "127.0.0.1"})
	must(t, err)
	t.Cleanup(server.Stop)
	server.CreateBucketWithOpts(fakestorage.CreateBucketOpts{Name: bucketName})
	u, err := url.Parse(server.URL())
	must(t, err)
	c := &gcsCloud{server}
	transport := &http.Transport{DisableCompression: true, MaxIdleConnsPerHost: 64}
	t.Cleanup(transport.CloseIdleConnections)
	return &gate{t: t, cloud: c, target: &url.URL{Scheme: u.Scheme, Host: u.Host}, transport: transport, disturb: c.stale}, c
}

func (c *gcsCloud) growOld(t *testing.T) {
	t.Helper()
	all, _, err := c.server.ListObjectsWithOptions(bucketName, fakestorage.ListOptions{Prefix: keyPrefix})
	must(t, err)
	for _, a := range all {
		if !strings.HasSuffix(a.Name, ".netsy") {
			continue
		}
		o, err := c.server.GetObject(bucketName, a.Name)
		if err != nil {
			continue // deleted since
		}
		o.Updated = time.Now().Add(-2 * time.Hour)
		c.server.CreateObject(o) // the same generation: in its place
	}
}

func gcsStorage(t *testing.T, g *gate, without ...string) func(role, prefix string) map[string]any {
	fronts := map[string]string{}
	return func(role, prefix string) map[string]any {
		if fronts[role+prefix] == "" {
			fronts[role+prefix] = g.front(role, prefix, grantsOf(role, func(r string) []Grant { return except(gcsGrants(t, r, prefix), without) }))
		}
		return map[string]any{"provider": "gcs", "bucket_name": bucketName, "key_prefix": strings.TrimSuffix(prefix, "/"), "endpoint": fronts[role+prefix]}
	}
}

// TestGCS is TestS3 for Google Cloud.
func TestGCS(t *testing.T) {
	g, c := startGCS(t)
	l := &lifetime{gate: g, cluster: newCluster(t, nil, gcsStorage(t, g)), ctx: t.Context(), nodes: map[string]*proc.Proc{},
		growOld: func() { c.growOld(t) },
		get: func(key string) ([]byte, bool) {
			o, err := c.server.GetObject(bucketName, key)
			return o.Content, err == nil
		},
		put: func(key string, body []byte) {
			c.server.CreateObject(fakestorage.Object{ObjectAttrs: fakestorage.ObjectAttrs{BucketName: bucketName, Name: key}, Content: body})
		}}
	l.live()
	judgeAll(t, g, func(role string) []Grant { return gcsGrants(t, role, keyPrefix) })
}
