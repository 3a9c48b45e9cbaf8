package s3

import (
	"fmt"
	"net/http"
)

// refused says whether an answer is about who asks, and of that whether it is about
// what they may do rather than about who they are.
func refused(ans answer) (yes, permission bool) {
	switch ans.code {
	case "InvalidAccessKeyId", "SignatureDoesNotMatch", "InvalidToken", "UnrecognizedClientException":
		return true, false
	}
	return ans.status == http.StatusForbidden || ans.status == http.StatusUnauthorized, ans.status == http.StatusForbidden
}

// permissions are what a request takes on AWS, as an operator grants them (docs/iam.md):
// https://docs.aws.amazon.com/AmazonS3/latest/userguide/using-with-s3-policy-actions.html
func permissions(r request, kms bool) string {
	_, match := r.cond.Match()
	need, key := "", ""
	switch {
	case r.op == "list":
		return "s3:ListBucket for this prefix"
	case r.op == "put":
		need, key = "s3:PutObject", "kms:GenerateDataKey and kms:Decrypt"
	case r.op == "delete":
		need = "s3:DeleteObject"
	default:
		need, key = "s3:GetObject, and s3:ListBucket for this key, without which even a missing object is answered so", "kms:Decrypt"
	}
	if match && r.op != "get" {
		need += " and s3:GetObject"
	}
	if kms && key != "" {
		need += "; of the KMS key " + key
	}
	return need
}

// refusal explains an answer that is about who asks.
func (s *Store) refusal(r request, permission bool, err error) error {
	where := fmt.Sprintf("%s/%s%s", s.cfg.Bucket, s.prefix, r.key)
	if !permission {
		return fmt.Errorf("the credentials are wrong (%s of %s): %w", r.op, where, err)
	}
	return fmt.Errorf("the credentials lack a permission: %s of %s takes %s (docs/iam.md): %w", r.op, where, permissions(r, s.cfg.KMS), err)
}
