package snapshot

import (
	"context"
	"fmt"
	"io"
	"sync"
	"sync/atomic"

	"github.com/netsy-io/netsy/pkg/objectstore"
)

const (
	// rangeSize is the size of one range of a snapshot: large enough that a request's
	// latency is lost in it.
	rangeSize = 8 << 20
	// rangesAhead bounds the ranges that are on their way or waiting, and with rangeSize the
	// memory of one Reader: 64 MiB. Eight connections fill the links of most machines.
	rangesAhead = 8
)

// ranges downloads an object in parallel ranges and is its bytes, in order. Read belongs
// to one goroutine. Each range is downloaded whole before it is read: no connection ever
// waits for the reader.
type ranges struct {
	ctx   context.Context
	store *Store
	key   string
	info  objectstore.Info // of the first range; the others must agree
	size  int64            // of one range

	queue   chan *part // in order; closed after the last
	free    chan []byte
	present *part
	rest    []byte
	read    atomic.Int64 // bytes passed on
}

// part is one range on its way.
type part struct {
	offset int64
	done   chan struct{} // closed when body and err are set
	body   []byte
	err    error
}

// openRanges downloads the first range, and the others in goroutines of wg, which end
// when all is downloaded or ctx ends.
func (s *Store) openRanges(ctx context.Context, wg *sync.WaitGroup, key string) (*ranges, error) {
	r := &ranges{ctx: ctx, store: s, key: key, size: s.rangeSize, queue: make(chan *part, rangesAhead-1), free: make(chan []byte, rangesAhead)}
	first := &part{}
	if err := s.retry(ctx, "get", func() error { return r.download(first) }); err != nil {
		return nil, err
	}
	r.present, r.rest = first, first.body
	wg.Go(func() { r.ahead(wg) })
	return r, nil
}

// ahead starts the downloads, in order. A part takes its place in the queue before its
// download begins: with the one that is waited for, no more are under way than rangesAhead.
func (r *ranges) ahead(wg *sync.WaitGroup) {
	defer close(r.queue)
	for offset := r.size; offset < r.info.Size; offset += r.size {
		p := &part{offset: offset, done: make(chan struct{})}
		select {
		case <-r.ctx.Done():
			return
		case r.queue <- p:
		}
		wg.Go(func() {
			defer close(p.done)
			p.err = r.store.retry(r.ctx, "get", func() error { return r.download(p) })
		})
	}
}

// download gets one range. The first one settles what the object is.
func (r *ranges) download(p *part) error {
	o, err := r.store.store.GetRange(r.ctx, r.key, p.offset, r.size)
	if err != nil {
		return err
	}
	defer o.Body.Close()
	switch {
	case p.offset == 0:
		r.info = o.Info
	case o.Version != r.info.Version || o.Size != r.info.Size:
		return fmt.Errorf("snapshot: %q: %w: version %s of %d bytes, then %s of %d", r.key, ErrChanged, r.info.Version, r.info.Size, o.Version, o.Size)
	}
	want := min(r.size, o.Size-p.offset)
	if p.body == nil {
		p.body = r.buffer(want)
	}
	n, err := io.ReadFull(o.Body, p.body)
	r.store.metrics.readBytes.Add(float64(n))
	if err != nil {
		return objectstore.Errorf(objectstore.ErrUnavailable, "get", r.key, "%d bytes of %d from %d on: %w", n, want, p.offset, err)
	}
	return nil
}

// buffer takes one that was read, or makes one.
func (r *ranges) buffer(n int64) []byte {
	select {
	case b := <-r.free:
		if int64(cap(b)) >= n {
			return b[:n]
		}
	default:
	}
	return make([]byte, n)
}

func (r *ranges) Read(b []byte) (int, error) {
	for len(r.rest) == 0 {
		if err := r.next(); err != nil {
			return 0, err
		}
	}
	n := copy(b, r.rest)
	r.rest = r.rest[n:]
	r.read.Add(int64(n))
	return n, nil
}

// next waits for the next range and gives back the one before.
func (r *ranges) next() error {
	if r.present != nil {
		select {
		case r.free <- r.present.body:
		default:
		}
		r.present = nil
	}
	p, ok := <-r.queue
	if !ok {
		if read := r.read.Load(); read < r.info.Size { // ctx ended
			return fmt.Errorf("downloading stopped after %d bytes of %d: %w", read, r.info.Size, context.Cause(r.ctx))
		}
		return io.EOF
	}
	<-p.done
	if p.err != nil {
		return p.err
	}
	r.present, r.rest = p, p.body
	return nil
}
