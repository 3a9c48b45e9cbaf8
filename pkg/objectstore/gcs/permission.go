package gcs

import (
	"fmt"
	"net/http"
)

// permissions are what a request takes, as an operator grants them (docs/iam.md):
// https://cloud.google.com/storage/docs/access-control/iam-json
func permissions(r request) string {
	switch {
	case r.list, r.op == "list":
		return "storage.objects.list on the bucket"
	case r.op == "put" && r.cond.IsAbsent():
		return "storage.objects.create, and storage.objects.delete if there is such an object"
	case r.op == "put":
		return "storage.objects.create and storage.objects.delete"
	case r.op == "delete":
		return "storage.objects.delete"
	default:
		return "storage.objects.get, and storage.objects.list on the bucket, without which even a missing object is answered so"
	}
}

// refusal explains an answer that is about who asks.
func (s *Store) refusal(r request, ans answer, err error) error {
	where := fmt.Sprintf("%s/%s%s", s.cfg.Bucket, s.prefix, r.key)
	if ans.status == http.StatusUnauthorized {
		return fmt.Errorf("the credentials are wrong (%s of %s): %w", r.op, where, err)
	}
	return fmt.Errorf("the credentials lack a permission: %s of %s takes %s (docs/iam.md): %w", r.op, where, permissions(r), err)
}
