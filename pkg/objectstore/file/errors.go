package file

import (
	"errors"
	"syscall"

	"github.com/netsy-io/netsy/pkg/objectstore"
)

var (
	errUnsuitable    = errors.New("the file system can't hold this")
	errDirectoryGone = errors.New("the directory of the store was removed or replaced; restart when it is back")
	errBodySize      = errors.New("the body is not of the given size")
)

// noEffect types an error of an operation that certainly changed nothing.
func noEffect(op, key string, err error) error {
	var typed *objectstore.Error
	if errors.As(err, &typed) {
		return err
	}
	kind := objectstore.ErrUnavailable // also a full disk: space may come back
	if isPermanent(err) {
		kind = objectstore.ErrPermanent
	}
	return &objectstore.Error{Kind: kind, Op: op, Key: key, Err: err}
}

func isPermanent(err error) bool {
	for _, e := range []error{
		errUnsuitable, errDirectoryGone, errBodySize,
		syscall.EROFS, syscall.EACCES, syscall.EPERM, syscall.ENAMETOOLONG, syscall.ENOTDIR, syscall.EISDIR,
		syscall.ELOOP, syscall.EFBIG, syscall.EINVAL, syscall.ENOTSUP, syscall.ENOSYS, syscall.EXDEV, syscall.EMLINK,
	} {
		if errors.Is(err, e) {
			return true
		}
	}
	return false
}

// refusals are what link, rename and unlink answer when they did nothing.
var refusals = []error{
	syscall.EACCES, syscall.EBUSY, syscall.EDQUOT, syscall.EEXIST, syscall.EISDIR, syscall.ELOOP, syscall.EMLINK, syscall.ENAMETOOLONG,
	syscall.ENOENT, syscall.ENOMEM, syscall.ENOSPC, syscall.ENOTDIR, syscall.ENOTSUP, syscall.EPERM, syscall.EROFS, syscall.EXDEV,
}

// changeError types an error of the call that changes a name. What isn't a plain
// refusal (EIO, a network file system's timeout) may have happened.
func changeError(op, key string, err error) error {
	if err == nil {
		return nil
	}
	for _, e := range refusals {
		if errors.Is(err, e) {
			return noEffect(op, key, err)
		}
	}
	return &objectstore.Error{Kind: objectstore.ErrUnknownOutcome, Op: op, Key: key, Err: err}
}
