package file

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
)

// selfTest proves in ~tmp that modification times are kept to the nanosecond
// and that link(2) exists and refuses a name that is taken.
func (s *Store) selfTest(ctx context.Context) (err error) {
	t, err := s.newTemp(ctx, bytes.NewReader([]byte("self-test")), 9)
	if err != nil {
		return err
	}
	name := t.path + ".link"
	defer func() { err = errors.Join(err, os.Remove(name), t.discard()) }()
	if err := s.sys.link(t.path, name); err != nil {
		return fmt.Errorf("%w: hard links: %w", errUnsuitable, err)
	}
	if err := s.sys.link(t.path, name); !errors.Is(err, fs.ErrExist) {
		return fmt.Errorf("%w: link(2) over a taken name answered %v, expected EEXIST", errUnsuitable, err)
	}
	return nil
}
