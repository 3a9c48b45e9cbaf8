package simulation

import (
	"context"
	"fmt"
	"math/rand/v2"
	"sync"
	"time"

	pb "go.etcd.io/etcd/api/v3/etcdserverpb"

	"github.com/netsy-io/netsy/pkg/identity"
	"github.com/netsy-io/netsy/test/internal/check"
)

// keyPrefix begins every key; keyEnd ends the range of them all.
const (
	keyPrefix = "k/"
	keyEnd    = "k0"
)

// client asks one thing after the other, of nodes at random, as kube-apiservers do:
// each write is a transaction that compares the key's mod revision.
type client struct {
	w     *world
	name  string
	rng   *rand.Rand
	party *party

	values int
	known  map[string]check.Event // what it last saw of each key
}

func (w *world) newClient(i int) *client {
	name := fmt.Sprintf("client-%d", i)
	return &client{w: w, name: name, rng: w.rng(name), party: w.net.join(name, identity.RoleClient), known: map[string]check.Event{}}
}

// run asks until ctx ends.
func (c *client) run(ctx context.Context) {
	for ctx.Err() == nil {
		node := c.w.anyNode(c.rng)
		o := c.choose()
		o.Client, o.Node = c.name, node
		pause := 2 * c.w.swarm.Think
		if o = c.do(ctx, o); o.Err != nil {
			pause += time.Second // refused connections come at once
		}
		sleep(ctx, time.Duration(c.rng.Int64N(int64(pause))))
	}
}

func (c *client) choose() check.Op {
	key := fmt.Sprintf("%s%d", keyPrefix, c.rng.IntN(c.w.swarm.Keys))
	switch x := c.rng.IntN(100); {
	case x < 50:
		return c.write(key)
	case x < 75:
		return check.Op{Kind: check.Read, Key: key}
	case x < 83:
		return check.Op{Kind: check.Read, Key: keyPrefix, End: keyEnd}
	case x < 88:
		return check.Op{Kind: check.Read, Key: key, At: max(c.known[key].Rev, 0)}
	default:
		return check.Op{Kind: check.Read, Key: key, Serializable: true}
	}
}

// write expects what the client last saw, so that most of them hold.
func (c *client) write(key string) check.Op {
	known := c.known[key]
	if known.Live() && c.rng.IntN(4) == 0 {
		return check.Op{Kind: check.Delete, Key: key, If: known.Rev}
	}
	c.values++
	o := check.Op{Kind: check.Put, Key: key, Value: fmt.Sprintf("%s:%d", c.name, c.values)}
	if c.rng.IntN(20) == 0 {
		o.Value += string(make([]byte, 4096)) // beyond what chunks hold uncompressed
	}
	if known.Live() {
		o.If = known.Rev
	}
	return o
}

// do makes one call and records it.
func (c *client) do(ctx context.Context, o check.Op) check.Op {
	ctx, cancel := context.WithTimeout(ctx, time.Second+time.Duration(c.rng.Int64N(int64(11*time.Second))))
	defer cancel()
	kv := kvClient{conn{c.party, o.Node}}
	o.Call = c.w.tick()
	if o.Kind == check.Read {
		read(ctx, kv, &o)
	} else {
		write(ctx, kv, &o)
	}
	o.Return = c.w.tick()
	if o.Err != nil && o.Write() {
		o.Outcome = check.Judge(o.Err)
	}
	c.w.history.Add(o)
	c.learn(o)
	return o
}

func read(ctx context.Context, kv kvClient, o *check.Op) {
	resp, err := kv.Range(ctx, &pb.RangeRequest{Key: []byte(o.Key), RangeEnd: []byte(o.End), Serializable: o.Serializable, Revision: o.At})
	if o.Err = err; err == nil {
		o.Outcome, o.Rev, o.Saw, o.Shown = check.Done, resp.Header.Revision, check.EventsOfKVs(resp.Kvs), true
	}
}

func write(ctx context.Context, kv kvClient, o *check.Op) {
	req := &pb.TxnRequest{
		Compare: []*pb.Compare{{Key: []byte(o.Key), Target: pb.Compare_MOD, Result: pb.Compare_EQUAL, TargetUnion: &pb.Compare_ModRevision{ModRevision: o.If}}},
		Failure: []*pb.RequestOp{{Request: &pb.RequestOp_RequestRange{RequestRange: &pb.RangeRequest{Key: []byte(o.Key)}}}},
	}
	if o.Kind == check.Delete {
		req.Success = []*pb.RequestOp{{Request: &pb.RequestOp_RequestDeleteRange{RequestDeleteRange: &pb.DeleteRangeRequest{Key: []byte(o.Key)}}}}
	} else {
		req.Success = []*pb.RequestOp{{Request: &pb.RequestOp_RequestPut{RequestPut: &pb.PutRequest{Key: []byte(o.Key), Value: []byte(o.Value)}}}}
	}
	resp, err := kv.Txn(ctx, req)
	if o.Err = err; err != nil {
		return
	}
	if o.Rev = resp.Header.Revision; resp.Succeeded {
		o.Outcome = check.Done
		return
	}
	o.Outcome, o.Saw, o.Shown = check.Refused, check.EventsOfKVs(resp.Responses[0].GetResponseRange().Kvs), true
}

// learn remembers what o says of its key.
func (c *client) learn(o check.Op) {
	switch {
	case o.Kind == check.Read && o.End == "" && o.At == 0 && o.Shown, o.Write() && o.Shown:
		delete(c.known, o.Key)
		for _, e := range o.Saw {
			c.known[o.Key] = e
		}
	case o.End != "" && o.Shown:
		clear(c.known)
		for _, e := range o.Saw {
			c.known[e.Key] = e
		}
	case o.Outcome == check.Done && o.Kind == check.Put:
		c.known[o.Key] = check.Event{Rev: o.Rev, Key: o.Key, Value: o.Value}
	case o.Outcome == check.Done && o.Kind == check.Delete:
		delete(c.known, o.Key)
	}
}

// until writes key on a node again and again until one write is acknowledged.
func (c *client) until(ctx context.Context, node, key string) (rev int64, err error) {
	for {
		o := c.write(key)
		o.Client, o.Node = c.name, node
		if o = c.do(ctx, o); o.Outcome == check.Done {
			return o.Rev, nil
		}
		if !sleep(ctx, 100*time.Millisecond) {
			return 0, fmt.Errorf("%s acknowledges no write; last: %w", node, o.Err)
		}
	}
}

// clock gives each moment a time of its own: under fake time much happens at once.
type clock struct {
	began time.Time
	mu    sync.Mutex
	last  time.Duration
}

// tick is the time since the world began, always later than the tick before.
func (c *clock) tick() time.Duration {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.last = max(time.Since(c.began), c.last+1)
	return c.last
}
