package objectstore

import "context"

// The checks in this file are what every implementation does before it sends
// anything, so that all of them refuse alike.

// MaxPage is the largest page that List returns, in keys (S3's own limit).
const MaxPage = 1000

// CheckRead refuses a malformed key, and work for a caller that has gone.
func CheckRead(ctx context.Context, op, key string) error {
	if err := ValidateKey(key); err != nil {
		return &Error{Kind: ErrPermanent, Op: op, Key: key, Err: err}
	}
	return checkContext(ctx, op, key)
}

// CheckPut is CheckRead, and refuses an IfMatch without a version: sent as it is,
// it would be an unconditional write.
func CheckPut(ctx context.Context, key string, cond Condition) error {
	if v, ok := cond.Match(); ok && v == "" {
		return Errorf(ErrPermanent, "put", key, "if-match names no version")
	}
	return CheckRead(ctx, "put", key)
}

// CheckDelete is CheckPut for Delete, which knows no IfAbsent.
func CheckDelete(ctx context.Context, key string, cond Condition) error {
	if v, ok := cond.Match(); cond.IsAbsent() || (ok && v == "") {
		return Errorf(ErrPermanent, "delete", key, "the condition must be always, or if-match with a version")
	}
	return CheckRead(ctx, "delete", key)
}

// CheckRange is CheckRead for GetRange.
func CheckRange(ctx context.Context, key string, offset int64) error {
	if offset < 0 {
		return Errorf(ErrPermanent, "get", key, "offset %d is negative", offset)
	}
	return CheckRead(ctx, "get", key)
}

// CheckList checks List's arguments and returns the page size to use.
func CheckList(ctx context.Context, prefix, startAfter string, limit int) (int, error) {
	for _, p := range []string{prefix, startAfter} {
		if err := ValidateListPrefix(p); err != nil {
			return 0, &Error{Kind: ErrPermanent, Op: "list", Key: p, Err: err}
		}
	}
	if limit <= 0 || limit > MaxPage {
		limit = MaxPage
	}
	return limit, checkContext(ctx, "list", prefix)
}

// checkContext fails with ErrUnavailable, for nothing has been done yet.
func checkContext(ctx context.Context, op, key string) error {
	if ctx.Err() != nil {
		return &Error{Kind: ErrUnavailable, Op: op, Key: key, Err: context.Cause(ctx)}
	}
	return nil
}
