package simulation

import (
	"context"
	"encoding/json"
	"errors"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/netsy-io/netsy/pkg/objectstore"
	"github.com/netsy-io/netsy/pkg/objectstore/fault"
	"github.com/netsy-io/netsy/pkg/objectstore/memstore"
	"github.com/netsy-io/netsy/pkg/registry"
)

// bucket is the one object store of a world. Each party sees it through faults of its own.
type bucket struct {
	mem  *memstore.Store
	late sync.WaitGroup // writes that have yet to land

	mu      sync.Mutex
	rng     *rand.Rand
	rates   storeRates
	delay   delays
	outages map[string]outage // by party's name; "" is everybody's
	closed  chan struct{}     // when the world ends: late writes are dropped

	clusters []clusterDoc // every version of cluster.json
	archive  archive
}

// storeRates are shares of requests to which something happens.
type storeRates struct {
	Refused   float64 // unavailable; it didn't happen
	LostReply float64 // it happened, nobody hears of it
	LostWrite float64 // outcome unknown; it didn't happen
	Late      float64 // a write: outcome unknown; it happens up to a minute later
	Echo      float64 // a write happens twice, the second answer counts
}

type outage int

const (
	outNone  outage = iota
	outFail         // every request is refused at once
	outBlack        // nothing is answered; writes don't get there
	outMute         // writes get there, nothing is answered
)

// requestTimeout is when a request that gets no answer is given up: a short one, as
// virtual time is cheap but not free.
const requestTimeout = 5 * time.Second

// latest is how late a write may land.
const latest = time.Minute

func newBucket(rng *rand.Rand, d delays) *bucket {
	return &bucket{mem: memstore.New(time.Now), rng: rng, delay: d, outages: map[string]outage{}, closed: make(chan struct{}), archive: archive{chunks: map[string][]byte{}}}
}

// of is the bucket as p sees it.
func (b *bucket) of(p *party) objectstore.Store {
	return fault.New(b.mem, b.path(p), fault.After(b.watchCluster), b.archive.fault(b.mem))
}

// watchCluster notes each version of cluster.json that is written.
func (b *bucket) watchCluster(r *fault.Request, err error) {
	if r.Op != "put" || r.Key != registry.ClusterKey || err != nil {
		return
	}
	var c clusterDoc
	if err := json.Unmarshal(r.Body, &c); err != nil {
		c.WriteID = err.Error() // seq 0: the judge will say it
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.clusters = append(b.clusters, c)
}

// setRates changes what happens to requests from now on.
func (b *bucket) setRates(r storeRates) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.rates = r
}

// setOutage begins or ends (outNone) an outage as name sees it; "" is everybody.
func (b *bucket) setOutage(name string, o outage) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.outages[name] = o
}

func (b *bucket) mend() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.rates, b.delay.Odd = storeRates{}, 0
	clear(b.outages)
}

func (b *bucket) outage(name string) outage {
	b.mu.Lock()
	defer b.mu.Unlock()
	return max(b.outages[name], b.outages[""])
}

// fate is what happens to one request.
type fate int

const (
	fine fate = iota
	refusedFate
	lostReply
	lostWrite
	lateWrite
	echoed
)

func (b *bucket) draw() (f fate, there, back, late time.Duration) {
	b.mu.Lock()
	defer b.mu.Unlock()
	x := b.rng.Float64()
	for _, c := range []struct {
		f     fate
		share float64
	}{{refusedFate, b.rates.Refused}, {lostReply, b.rates.LostReply}, {lostWrite, b.rates.LostWrite}, {lateWrite, b.rates.Late}, {echoed, b.rates.Echo}} {
		if x -= c.share; x < 0 {
			f = c.f
			break
		}
	}
	half := func() time.Duration {
		most := b.delay.Usual
		if b.rng.Float64() < b.delay.Odd {
			most = b.delay.Most
		}
		return time.Duration(b.rng.Int64N(int64(most)/2 + 1))
	}
	return f, half(), half(), time.Duration(b.rng.Int64N(int64(latest)))
}

var errWire = errors.New("simulation: the request or its answer was lost")

// path is the way of p's requests to the bucket and back.
func (b *bucket) path(p *party) fault.Fault {
	return func(ctx context.Context, r *fault.Request, next fault.Next) (fault.Response, error) {
		ctx, cancel := context.WithTimeout(ctx, requestTimeout)
		defer cancel()
		f, there, back, late := b.draw()
		write := r.Op == "put" || r.Op == "delete"
		if !sleep(ctx, there) || p.pass(ctx) != nil {
			return fault.Response{}, unanswered(r, false)
		}
		switch b.outage(p.name) {
		case outFail:
			return fault.Response{}, unanswered(r, false)
		case outBlack:
			<-ctx.Done()
			return fault.Response{}, unanswered(r, write)
		case outMute:
			if write {
				_, _ = next(context.WithoutCancel(ctx), r)
			}
			<-ctx.Done()
			return fault.Response{}, unanswered(r, write)
		}
		switch {
		case f == refusedFate:
			return fault.Response{}, unanswered(r, false)
		case f == lostWrite && write:
			return fault.Response{}, unanswered(r, true)
		case f == lateWrite && write:
			b.land(late, func() { _, _ = next(context.Background(), r) })
			return fault.Response{}, unanswered(r, true)
		case f == echoed && write:
			_, _ = next(context.WithoutCancel(ctx), r)
		}
		resp, err := next(context.WithoutCancel(ctx), r)
		if f == lostReply || !sleep(ctx, back) || p.pass(ctx) != nil {
			if resp.Object != nil {
				resp.Object.Body.Close()
			}
			return fault.Response{}, unanswered(r, write)
		}
		return resp, err
	}
}

// unanswered is what is known of a request without an answer.
func unanswered(r *fault.Request, maybe bool) error {
	kind := objectstore.ErrUnavailable
	if maybe {
		kind = objectstore.ErrUnknownOutcome
	}
	return &objectstore.Error{Kind: kind, Op: r.Op, Key: r.Key, Err: errWire}
}

// land lets a write happen after d, or never if the world ends before.
func (b *bucket) land(d time.Duration, write func()) {
	b.late.Go(func() {
		t := time.NewTimer(d)
		defer t.Stop()
		select {
		case <-t.C:
			write()
		case <-b.closed:
		}
	})
}

// close drops what has yet to land.
func (b *bucket) close() {
	close(b.closed)
	b.late.Wait()
}
