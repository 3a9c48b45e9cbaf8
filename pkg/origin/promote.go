package origin

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/netsy-io/netsy/pkg/datafile"
	"github.com/netsy-io/netsy/pkg/logevent"
	"github.com/netsy-io/netsy/pkg/objectstore"
	"github.com/netsy-io/netsy/pkg/registry"
)

// readBootstrap reads bootstrap.netsy whole, and checks that it is a whole history.
func (s *Settler) readBootstrap(ctx context.Context, info objectstore.Info) (registry.Beginning, error) {
	src := open(ctx, s.o.Store, info)
	defer src.Close()
	report := s.progress(info.Key)
	f, err := readWhole(src, func() { report(src.at, info.Size) })
	if err != nil {
		return registry.Beginning{}, unreadable(info.Key, err)
	}
	return beginning(info.Key, f.last, 0)
}

// readWhole applies the rule of bootstrap.netsy to a file. Memory doesn't grow with it.
func readWhole(src io.Reader, progress func()) (whole, error) {
	r, err := datafile.NewReader(src)
	if err != nil {
		return whole{}, err
	}
	defer r.Close()
	var w whole
	if err := w.header(r.Header()); err != nil {
		return whole{}, err
	}
	for {
		rec, err := r.Next()
		if err == io.EOF {
			return w, nil
		}
		if err == nil {
			err = w.add(&rec)
		}
		if err != nil {
			return whole{}, err
		}
		progress()
	}
}

// promote puts bootstrap.netsy, which was judged, byte by byte where snapshots are. What
// came of it is always seen by reading back; what is there already must be the same.
func (s *Settler) promote(ctx context.Context, from objectstore.Info, to string) error {
	_, there, err := stat(ctx, s.o.Store, to)
	if err != nil {
		return err
	}
	var cause error
	if !there {
		if cause = s.copy(ctx, from, to); cause != nil && !doubtful(cause) {
			return fmt.Errorf("origin: promoting %s to %s: %w", from.Key, to, cause)
		}
	}
	info, there, err := stat(ctx, s.o.Store, to)
	switch {
	case err != nil:
		return err
	case !there:
		// Not there yet doesn't mean that it failed: the same bytes are sent again.
		return fmt.Errorf("origin: promoting %s to %s: %w", from.Key, to, errors.Join(cause, objectstore.Errorf(objectstore.ErrUnavailable, "stat", to, "it isn't there")))
	case s.promoted == [2]objectstore.Info{from, info}:
		return nil
	}
	if err := s.compare(ctx, from, info); err != nil {
		return err
	}
	s.promoted = [2]objectstore.Info{from, info}
	s.o.Logger.Info("bootstrap.netsy is in place", "event", logevent.ClusterOriginPromoted, "key", to, "bytes", info.Size)
	return nil
}

// doubtful: the write may have happened, or another elector's has.
func doubtful(err error) bool {
	return errors.Is(err, objectstore.ErrPreconditionFailed) || errors.Is(err, objectstore.ErrUnknownOutcome)
}

// copy makes the object to of the version of the object that from describes.
func (s *Settler) copy(ctx context.Context, from objectstore.Info, to string) error {
	src := open(ctx, s.o.Store, from)
	defer src.Close()
	_, err := s.o.Store.PutStream(ctx, to, src, from.Size, objectstore.IfAbsent())
	if err != nil && src.failed != nil { // the store may have taken it for a mistake of ours
		return unreadable(from.Key, src.failed)
	}
	return err
}

// compare reads both whole: what was promoted must be what was judged.
func (s *Settler) compare(ctx context.Context, from, to objectstore.Info) error {
	a, b := open(ctx, s.o.Store, from), open(ctx, s.o.Store, to)
	defer a.Close()
	defer b.Close()
	same, err := equal(a, b, s.progress(to.Key))
	if err != nil {
		return unreadable(to.Key, err)
	}
	if !same {
		return refuse(ErrChanged, to.Key, "it is not the same as %s: remove that to begin with the snapshot", from.Key)
	}
	return nil
}

// equal compares two streams.
func equal(a, b *source, progress func(done, of int64)) (bool, error) {
	if a.info.Size != b.info.Size {
		return false, nil
	}
	var x, y [32 << 10]byte
	for {
		n, errA := io.ReadFull(a, x[:])
		m, errB := io.ReadFull(b, y[:])
		for _, err := range [...]error{errA, errB} {
			if err != nil && err != io.EOF && err != io.ErrUnexpectedEOF {
				return false, err
			}
		}
		if !bytes.Equal(x[:n], y[:m]) {
			return false, nil
		}
		if errA != nil { // the end; b's too, since both have the same size
			return true, nil
		}
		progress(a.at, a.info.Size)
	}
}
