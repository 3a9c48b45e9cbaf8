package bucket

import (
	"context"
	"fmt"
	"sync"

	"golang.org/x/sync/semaphore"

	"github.com/netsy-io/netsy/pkg/datafile"
	"github.com/netsy-io/netsy/pkg/objectlog"
	"github.com/netsy-io/netsy/pkg/objectstore"
	"github.com/netsy-io/netsy/pkg/objectstore/retry"
	"github.com/netsy-io/netsy/pkg/record"
)

const (
	// downloads bounds the requests in flight: enough to fill a link at object storage's
	// latency, few enough not to be throttled.
	downloads = 16
	// ahead bounds the bytes that are held beyond the chunk being passed on.
	ahead = 32 << 20
	// maxObject bounds the object of one chunk: nothing compresses to more than its own
	// size and a little.
	maxObject = datafile.MaxChunkSize + datafile.MaxChunkSize/64
)

// Chunk is what is in a slot.
type Chunk struct {
	File
	Header  datafile.Header
	Records []record.Record // none: a tombstone
	// Err says why there is neither: the object is gone (objectstore.ErrNotFound), damaged
	// (datafile.ErrCorrupt), unknown to this version (datafile.ErrUnsupported), or not what
	// its key says (objectlog.ErrMisplaced).
	Err error
}

// Last is the last record's position. Not for tombstones and errors.
func (c *Chunk) Last() record.Pos { return c.Records[len(c.Records)-1].Pos() }

// download is a chunk on its way.
type download struct {
	file   File
	weight int64
	done   chan struct{} // closed when body and err are set
	body   []byte
	err    error
}

// ReadChunks passes the chunks to fn, in order, from the caller's goroutine, and stops at
// its first error, which it returns. Other errors are object storage's. Goroutines: one
// starts downloads, up to sixteen download; all end before it returns.
func ReadChunks(ctx context.Context, st objectstore.Store, files []File, fn func(*Chunk) error) error {
	ctx, cancel := context.WithCancel(ctx)
	queue := make(chan *download, downloads)
	bytes := semaphore.NewWeighted(ahead)
	var wg sync.WaitGroup
	wg.Go(func() {
		defer close(queue)
		for _, f := range files {
			d := &download{file: f, weight: min(f.Size, ahead), done: make(chan struct{})}
			if bytes.Acquire(ctx, d.weight) != nil {
				return
			}
			wg.Go(func() {
				defer close(d.done)
				d.body, d.err = get(ctx, st, d.file)
			})
			select {
			case queue <- d:
			case <-ctx.Done():
				return
			}
		}
	})
	err := consume(queue, bytes, fn)
	if err == nil {
		err = context.Cause(ctx) // the starter gave up
	}
	cancel()
	for range queue { // unblock the starter; its downloads end by ctx
	}
	wg.Wait()
	return err
}

func consume(queue <-chan *download, bytes *semaphore.Weighted, fn func(*Chunk) error) error {
	for d := range queue {
		<-d.done
		c := Chunk{File: d.file, Err: d.err}
		if d.err == nil {
			c.decode(d.body)
		} else if !Gone(d.err) && !objectlog.Damaged(d.err) {
			return d.err
		}
		if err := fn(&c); err != nil {
			return err
		}
		bytes.Release(d.weight)
	}
	return nil
}

func get(ctx context.Context, st objectstore.Store, f File) (body []byte, err error) {
	if f.Size > maxObject {
		return nil, fmt.Errorf("bucket: %q: %w: %d bytes, at most %d are possible", f.Key, datafile.ErrCorrupt, f.Size, maxObject)
	}
	err = retry.Do(ctx, retry.Attempts, quietly, func() error {
		body, _, err = objectstore.ReadAll(ctx, st, f.Key, maxObject)
		return err
	})
	return body, err
}

func (c *Chunk) decode(body []byte) {
	h, recs, err := datafile.DecodeChunk(body)
	switch {
	case err != nil:
		c.Err = fmt.Errorf("bucket: %q: %w", c.Key, err)
	case len(recs) > 0 && recs[0].Revision != c.Revision:
		c.Err = &objectlog.ChainError{Kind: objectlog.ErrMisplaced, Key: c.Key, Err: fmt.Errorf("its first revision is %d", recs[0].Revision)}
	default:
		c.Header, c.Records = h, recs
	}
}
