package s3

import (
	"errors"
	"fmt"
	"net/http"

	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/smithy-go"

	"github.com/netsy-io/netsy/pkg/objectstore"
	"github.com/netsy-io/netsy/pkg/objectstore/internal/attempt"
)

// errBeyondEnd is the cause of a range that begins at or beyond the object's end.
var errBeyondEnd = errors.New("the range begins beyond the end of the object")

// request is what the meaning of an error depends on.
type request struct {
	op, key string
	write   bool
	cond    objectstore.Condition
}

// answer is what a server said.
type answer struct {
	status int
	code   string // S3's error code; empty for HEAD and for what isn't S3
}

// failed types an error of the SDK.
func (s *Store) failed(a *attempt.Attempt, r request, err error) error {
	kind := a.Unanswered(r.write)
	if ans, ok := answerOf(err); ok {
		kind = kindOf(r, ans)
		err = s.hint(r, ans, err)
	}
	return &objectstore.Error{Kind: kind, Op: r.op, Key: r.key, Err: a.Explain(err)}
}

func answerOf(err error) (answer, bool) {
	var re *awshttp.ResponseError
	if !errors.As(err, &re) || re.HTTPStatusCode() == 0 { // 0 is how the SDK says that there was none
		return answer{}, false
	}
	ans := answer{status: re.HTTPStatusCode()}
	var ae smithy.APIError
	if errors.As(err, &ae) {
		ans.code = ae.ErrorCode()
	}
	return ans, true
}

// kindOf says what an error answer means. The rule for writes: no effect only where
// S3 documents it; everything else is an unknown outcome.
// https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html
// https://docs.aws.amazon.com/AmazonS3/latest/userguide/conditional-writes.html
func kindOf(r request, ans answer) error {
	switch ans.code {
	case "NoSuchBucket":
		return objectstore.ErrPermanent
	case "SlowDown", "SlowDownRead", "SlowDownWrite", "TooManyRequests", "Throttling", "ThrottlingException", "RequestLimitExceeded", "BandwidthLimitExceeded",
		"ConditionalRequestConflict", "OperationAborted",
		"RequestTimeout", "IncompleteBody", "BadDigest", "XAmzContentSHA256Mismatch", // the body didn't arrive whole: nothing was stored
		"RequestTimeTooSkewed",                                          // the SDK has learnt the skew from this answer
		"ExpiredToken", "TokenRefreshRequired", "ExpiredTokenException": // credentials that the chain renews
		return objectstore.ErrUnavailable
	}
	switch {
	case ans.status == http.StatusPreconditionFailed:
		return objectstore.ErrPreconditionFailed
	case ans.status == http.StatusNotFound:
		return notFound(r, ans)
	case ans.status == http.StatusTooManyRequests, ans.status == http.StatusConflict:
		return objectstore.ErrUnavailable
	case ans.status == http.StatusRequestTimeout, ans.status >= 500 && ans.status != http.StatusNotImplemented, ans.status < 300:
		if r.write {
			return objectstore.ErrUnknownOutcome
		}
		return objectstore.ErrUnavailable
	default: // 3xx: another region or endpoint; 4xx, 501: refused
		return objectstore.ErrPermanent
	}
}

// notFound is what 404 means, when it isn't the bucket that is missing.
func notFound(r request, ans answer) error {
	_, match := r.cond.Match()
	switch {
	case ans.code != "NoSuchKey" && ans.code != "NotFound" && ans.code != "": // some servers say so of an unknown user
		return objectstore.ErrPermanent
	case match: // S3's answer to If-Match on a missing object
		return objectstore.ErrPreconditionFailed
	case r.op == "put", r.op == "list": // there is nothing but the bucket that could be missing
		return objectstore.ErrPermanent
	default:
		return objectstore.ErrNotFound
	}
}

// hint adds what an operator can do about it.
func (s *Store) hint(r request, ans answer, err error) error {
	if yes, permission := refused(ans); yes {
		return s.refusal(r, permission, err)
	}
	switch {
	case ans.status == http.StatusRequestedRangeNotSatisfiable:
		return fmt.Errorf("%w: %w", errBeyondEnd, err)
	case ans.status == http.StatusNotImplemented:
		return fmt.Errorf("%w: %w", errors.ErrUnsupported, err)
	case ans.code == "NoSuchBucket":
		return fmt.Errorf("bucket %q does not exist: %w", s.cfg.Bucket, err)
	case ans.status/100 == 3, ans.code == "AuthorizationHeaderMalformed":
		return fmt.Errorf("bucket %q is in another region or at another endpoint than configured: %w", s.cfg.Bucket, err)
	default:
		return err
	}
}
