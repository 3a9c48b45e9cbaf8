package s3

import (
	"errors"
	"strings"
	"testing"

	"github.com/netsy-io/netsy/pkg/objectstore"
)

// TestRefusal: who reads the message knows the operation, the object and what to grant.
func TestRefusal(t *testing.T) {
	match := objectstore.IfMatch("v")
	for _, c := range []struct {
		r    request
		kms  bool
		want string
	}{
		{request{op: "put", key: "chunks/1", cond: objectstore.IfAbsent()}, false, "put of b/prod/chunks/1 takes s3:PutObject (docs/iam.md)"},
		{request{op: "put", key: "cluster.json", cond: match}, false, "put of b/prod/cluster.json takes s3:PutObject and s3:GetObject (docs/iam.md)"},
		{request{op: "put", key: "chunks/1"}, true, "takes s3:PutObject; of the KMS key kms:GenerateDataKey and kms:Decrypt (docs/iam.md)"},
		{request{op: "get", key: "chunks/1"}, false, "get of b/prod/chunks/1 takes s3:GetObject, and s3:ListBucket for this key, without which"},
		{request{op: "stat", key: "chunks/1"}, true, "; of the KMS key kms:Decrypt (docs/iam.md)"},
		{request{op: "delete", key: "probe/x"}, true, "delete of b/prod/probe/x takes s3:DeleteObject (docs/iam.md)"},
		{request{op: "delete", key: "probe/x", cond: match}, false, "takes s3:DeleteObject and s3:GetObject (docs/iam.md)"},
		{request{op: "list", key: "chunks/"}, true, "list of b/prod/chunks/ takes s3:ListBucket for this prefix (docs/iam.md)"},
	} {
		s := &Store{cfg: Config{Bucket: "b", KMS: c.kms}, prefix: "prod/"}
		cause := errors.New("cause")
		if err := s.hint(c.r, answer{403, "AccessDenied"}, cause); !strings.Contains(err.Error(), c.want) || !errors.Is(err, cause) {
			t.Errorf("%+v: %v", c.r, err)
		}
		if err := s.hint(c.r, answer{403, "SignatureDoesNotMatch"}, cause); strings.Contains(err.Error(), "takes") || !strings.Contains(err.Error(), "credentials are wrong") {
			t.Errorf("%+v: %v", c.r, err)
		}
	}
}
