package gcs

import (
	"errors"
	"strings"
	"testing"

	"google.golang.org/api/googleapi"

	"github.com/netsy-io/netsy/pkg/objectstore"
)

// TestRefusal: who reads the message knows the operation, the object and what to grant.
func TestRefusal(t *testing.T) {
	s := &Store{cfg: Config{Bucket: "b"}, prefix: "prod/"}
	for _, c := range []struct {
		r    request
		want string
	}{
		{request{op: "put", key: "chunks/1", cond: objectstore.IfAbsent()}, "put of b/prod/chunks/1 takes storage.objects.create, and storage.objects.delete if there is such an object (docs/iam.md)"},
		{request{op: "put", key: "cluster.json", cond: objectstore.IfMatch("5")}, "put of b/prod/cluster.json takes storage.objects.create and storage.objects.delete (docs/iam.md)"},
		{request{op: "get", key: "chunks/1"}, "takes storage.objects.get, and storage.objects.list on the bucket, without which"},
		{request{op: "stat", key: "chunks/1"}, "stat of b/prod/chunks/1 takes storage.objects.get, and"},
		{request{op: "get", key: "chunks/1", list: true}, "takes storage.objects.list on the bucket (docs/iam.md)"},
		{request{op: "list", key: "chunks/", list: true}, "list of b/prod/chunks/ takes storage.objects.list on the bucket (docs/iam.md)"},
		{request{op: "delete", key: "probe/x"}, "delete of b/prod/probe/x takes storage.objects.delete (docs/iam.md)"},
	} {
		cause := &googleapi.Error{Code: 403, Message: "forbidden"}
		if err := s.hint(c.r, cause); !strings.Contains(err.Error(), c.want) || !errors.Is(err, cause) {
			t.Errorf("%+v: %v", c.r, err)
		}
		if err := s.hint(c.r, &googleapi.Error{Code: 401}); strings.Contains(err.Error(), "takes") || !strings.Contains(err.Error(), "credentials are wrong") {
			t.Errorf("%+v: %v", c.r, err)
		}
	}
}
