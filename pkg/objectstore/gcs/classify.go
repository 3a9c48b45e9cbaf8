package gcs

import (
	"errors"
	"fmt"
	"net/http"
	"strings"

	"cloud.google.com/go/auth"
	"google.golang.org/api/googleapi"

	"github.com/netsy-io/netsy/pkg/objectstore"
	"github.com/netsy-io/netsy/pkg/objectstore/internal/attempt"
)

// errBeyondEnd is the cause of a range that begins at or beyond the object's end.
var errBeyondEnd = errors.New("the range begins beyond the end of the object")

// request is what the meaning of an error depends on.
type request struct {
	op, key string
	write   bool
	list    bool // of the bucket: nothing but the bucket can be missing
	cond    objectstore.Condition
}

// answer is what GCS said.
type answer struct {
	status int
	text   string // message, reasons and body
}

// failed types an error of the library.
func (s *Store) failed(a *attempt.Attempt, r request, err error) error {
	return &objectstore.Error{Kind: s.kind(a, r, err), Op: r.op, Key: r.key, Err: a.Explain(s.hint(r, err))}
}

func (s *Store) kind(a *attempt.Attempt, r request, err error) error {
	if ans, ok := answerOf(err); ok {
		return kindOf(r, ans)
	}
	var ae *auth.Error
	if errors.As(err, &ae) { // no token, so the request wasn't sent
		if ae.Response != nil && ae.Response.StatusCode/100 == 4 && ae.Response.StatusCode != http.StatusTooManyRequests {
			return objectstore.ErrPermanent
		}
		return objectstore.ErrUnavailable
	}
	return a.Unanswered(r.write)
}

func answerOf(err error) (answer, bool) {
	var ge *googleapi.Error
	if !errors.As(err, &ge) {
		return answer{}, false
	}
	// Of a failed download the library keeps the body unparsed.
	return answer{status: ge.Code, text: fmt.Sprint(ge.Message, ge.Errors, ge.Body)}, true
}

// kindOf says what an error answer means. The rule for writes: no effect only where
// it is certain; everything else is an unknown outcome.
// https://cloud.google.com/storage/docs/json_api/v1/status-codes
func kindOf(r request, ans answer) error {
	switch {
	case ans.status == http.StatusPreconditionFailed, ans.status == http.StatusNotModified:
		return objectstore.ErrPreconditionFailed
	case ans.status == http.StatusNotFound:
		return notFound(r, ans)
	case ans.status == http.StatusTooManyRequests, ans.status == http.StatusConflict,
		ans.status == http.StatusForbidden && strings.Contains(strings.ToLower(ans.text), "ratelimitexceeded"):
		return objectstore.ErrUnavailable
	case ans.status == http.StatusRequestTimeout, ans.status >= 500 && ans.status != http.StatusNotImplemented, ans.status < 300:
		if r.write {
			return objectstore.ErrUnknownOutcome
		}
		return objectstore.ErrUnavailable
	default:
		return objectstore.ErrPermanent
	}
}

func notFound(r request, ans answer) error {
	_, match := r.cond.Match()
	switch {
	case r.list, r.op == "put", bucketMissing(ans): // a put answers 412 where only the object is missing
		return objectstore.ErrPermanent
	case match:
		return objectstore.ErrPreconditionFailed
	default:
		return objectstore.ErrNotFound
	}
}

func bucketMissing(ans answer) bool {
	return strings.Contains(ans.text, "bucket does not exist") || strings.Contains(ans.text, "NoSuchBucket")
}

// hint adds what an operator can do about it.
func (s *Store) hint(r request, err error) error {
	ans, ok := answerOf(err)
	switch {
	case !ok:
		return err
	case ans.status == http.StatusRequestedRangeNotSatisfiable:
		return fmt.Errorf("%w: %w", errBeyondEnd, err)
	case ans.status == http.StatusNotImplemented:
		return fmt.Errorf("%w: %w", errors.ErrUnsupported, err)
	case ans.status == http.StatusNotFound && (r.list || r.op == "put" || bucketMissing(ans)):
		return fmt.Errorf("bucket %q does not exist: %w", s.cfg.Bucket, err)
	case errors.Is(kindOf(r, ans), objectstore.ErrPermanent) && (ans.status == http.StatusForbidden || ans.status == http.StatusUnauthorized):
		return s.refusal(r, ans, err)
	default:
		return err
	}
}
