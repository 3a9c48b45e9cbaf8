package objectstoretest

import (
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"testing"

	"github.com/fsouza/fake-gcs-server/fakestorage"

	"github.com/netsy-io/netsy/pkg/objectstore/gcs"
)

const gcsBucket = "netsy"

// gcsServer is a running fake-gcs-server, in this process, behind a proxy on loopback.
type gcsServer struct {
	*proxy
	server *fakestorage.Server
}

func startFakeGCS(t *testing.T) *gcsServer {
	t.Helper()
	server, err := fakestorage.NewServerWithOptions(fakestorage.Options{Scheme: "http", Host: "127.0.0.1"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(server.Stop)
	server.CreateBucketWithOpts(fakestorage.CreateBucketOpts{Name: gcsBucket})
	u, err := url.Parse(server.URL())
	if err != nil {
		t.Fatal(err)
	}
	g := &gcsServer{proxy: newProxy(t, u.Scheme+"://"+u.Host, ""), server: server}
	g.refuse = g.refuseStaleDelete
	return g
}

// refuseStaleDelete is the precondition that fake-gcs-server doesn't know: as GCS
// does, it answers 412 for another generation and 404 for a missing object.
func (g *gcsServer) refuseStaleDelete(w http.ResponseWriter, r *http.Request) bool {
	want := r.URL.Query().Get("ifGenerationMatch")
	if r.Method != http.MethodDelete || want == "" {
		return false
	}
	_, name, _ := strings.Cut(r.URL.Path, "/b/"+gcsBucket+"/o/")
	o, err := g.server.GetObject(gcsBucket, name)
	if err != nil {
		return false
	}
	if strconv.FormatInt(o.Generation, 10) == want {
		return false
	}
	answer(http.StatusPreconditionFailed, "application/json",
		`{"error":{"code":412,"message":"At least one of the pre-conditions you specified did not hold.","errors":[{"reason":"conditionNotMet"}]}}`)(w, r, nil)
	return true
}

func (g *gcsServer) config() gcs.Config { return gcs.Config{Bucket: gcsBucket, Endpoint: g.URL} }

func (g *gcsServer) open(t *testing.T, cfg gcs.Config) *gcs.Store {
	t.Helper()
	s, err := gcs.Open(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// reached proves that the object went to fake-gcs-server: it holds it.
func (g *gcsServer) reached(t *testing.T, key string) {
	t.Helper()
	if _, err := g.server.GetObject(gcsBucket, key); err != nil {
		t.Fatalf("fake-gcs-server does not hold %s: %v", key, err)
	}
}
