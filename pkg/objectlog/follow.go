package objectlog

import (
	"context"
	"sync"

	"golang.org/x/sync/semaphore"

	"github.com/netsy-io/netsy/pkg/record"
)

// downloads bounds the requests that one Read has in flight: enough to fill a link at
// object storage's latency, few enough not to be throttled.
const downloads = 16

// download is a chunk on its way. Its bytes are counted against the read-ahead from
// before it starts until its chunk has been passed on.
type download struct {
	first  record.Revision
	weight int64
	done   chan struct{} // closed when body and err are set
	body   []byte
	err    error
}

// follow reads the listed chunks in order until the listing shows no more. Goroutines:
// one lists and starts downloads, up to sixteen download; all end before it returns.
func (r *reading) follow(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	p := &prefetch{log: r.log, queue: make(chan *download, downloads),
		requests: semaphore.NewWeighted(downloads), bytes: semaphore.NewWeighted(r.log.readAhead)}
	p.wg.Go(func() {
		defer close(p.queue)
		p.err = p.run(ctx, r.page, r.more, r.after)
	})
	err := r.consume(ctx, p)
	cancel()
	for range p.queue { // unblock the lister; its downloads end by ctx
	}
	p.wg.Wait()
	return err
}

func (r *reading) consume(ctx context.Context, p *prefetch) error {
	for d := range p.queue {
		<-d.done
		if err := r.take(ctx, d); err != nil {
			return err
		}
		p.bytes.Release(d.weight)
	}
	return p.err
}

// prefetch lists chunks and downloads them ahead of their use.
type prefetch struct {
	log      *Log
	wg       sync.WaitGroup
	queue    chan *download // in the order of the chain; closed at its end
	err      error          // why it ended early; set before queue is closed
	requests *semaphore.Weighted
	bytes    *semaphore.Weighted
}

func (p *prefetch) run(ctx context.Context, page []slot, more bool, after record.Revision) (err error) {
	for {
		for _, s := range page {
			if err := p.start(ctx, s); err != nil {
				return err
			}
			after = s.first
		}
		if !more {
			return nil
		}
		if page, more, err = p.log.listPage(ctx, ChunkPrefix, after, 0, readAttempts); err != nil {
			return err
		}
	}
}

// start begins a download once there is room for it. Room is given out in the order of
// the chain, so that the chunk waited for always has it. A chunk larger than all
// the room takes all of it.
func (p *prefetch) start(ctx context.Context, s slot) error {
	d := &download{first: s.first, weight: min(s.size, p.log.readAhead), done: make(chan struct{})}
	if err := p.bytes.Acquire(ctx, d.weight); err != nil {
		return err
	}
	if err := p.requests.Acquire(ctx, 1); err != nil {
		return err
	}
	p.wg.Go(func() {
		defer p.requests.Release(1)
		defer close(d.done)
		d.body, d.err = p.log.get(ctx, ChunkKey(d.first))
	})
	select {
	case p.queue <- d:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
