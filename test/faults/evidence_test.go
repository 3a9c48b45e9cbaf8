//go:build linux

package faults

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/credentials"

	bucketread "github.com/netsy-io/netsy/pkg/bucket"
	"github.com/netsy-io/netsy/pkg/mvcc"
	"github.com/netsy-io/netsy/pkg/objectlog"
	"github.com/netsy-io/netsy/pkg/objectstore/s3"
	"github.com/netsy-io/netsy/pkg/record"
	"github.com/netsy-io/netsy/pkg/verify/verifytest"
	"github.com/netsy-io/netsy/test/internal/check"
	"github.com/netsy-io/netsy/test/internal/load"
)

// pace leaves some of a small machine to those who serve.
const pace = 20 * time.Millisecond

// use is the clients of a run: writers and readers at every node and through etcd's own
// client of them all, and a watch of every node from the beginning.
type use struct {
	c       *cluster
	h       *check.History
	loads   []*load.Load
	watches map[string]*load.Watcher
	clients map[string]*load.Client
	gone    []*load.Watcher // of nodes that have left
	begun   int
}

// use starts the clients.
func (c *cluster) use(t testing.TB) *use {
	t.Helper()
	u := &use{c: c, h: check.NewHistory(), watches: map[string]*load.Watcher{}, clients: map[string]*load.Client{}}
	for _, id := range c.nodes() {
		u.at(t, id)
	}
	u.begin(t, c.roamingClient(), "any")
	return u
}

// at adds the clients of one node.
func (u *use) at(t testing.TB, id string) {
	t.Helper()
	u.clients[id] = u.c.client(id)
	u.watches[id] = load.Watch(t, u.clients[id], 1)
	u.begin(t, u.clients[id], id)
}

func (u *use) begin(t testing.TB, cl *load.Client, name string) {
	t.Helper()
	u.begun++
	l := load.New(u.h, cl, fmt.Sprintf("%s.%d", name, u.begun))
	l.Work = []load.Job{load.Create, load.CreateAndDelete, load.Race, load.Increment, load.ReadOne, load.ReadRace, load.ReadSerializable}
	l.Pace = pace
	l.Start(t)
	u.loads = append(u.loads, l)
}

// more waits for n more acknowledged writes.
func (u *use) more(n int64) {
	u.c.t.Helper()
	load.More(u.c.t, u.c.ctx, u.h, n)
}

// unanswered returns the linearizable ops, written or read, that got neither yes nor no.
func (u *use) unanswered() (ops []check.Op) {
	for _, o := range u.h.Ops() {
		if o.Err != nil {
			ops = append(ops, o)
		}
	}
	return ops
}

// conclude ends the run: when all members run and nothing is cut, each node shows the
// same history; then all are stopped, and it is what is in the bucket and on the disks.
func (u *use) conclude() {
	t, c := u.c.t, u.c
	t.Helper()
	c.awaitActive()
	for _, l := range u.loads {
		l.Stop()
	}
	e := check.Evidence{Counters: []string{load.CounterKey}, Patience: time.Minute}
	for _, id := range c.nodes() { // through each, so each has everything before
		e.End = load.Sentinel(t, c.ctx, u.h, u.clients[id])
		load.ReadAll(t, c.ctx, u.h, u.clients[id]) // judged as any read
	}
	for _, id := range c.nodes() {
		fresh := load.Watch(t, u.clients[id], max(1, e.End/2))
		e.Watches = append(e.Watches, u.watches[id].Through(t, c.ctx, e.End), fresh.Through(t, c.ctx, e.End))
		fresh.Stop()
	}
	for _, w := range u.gone {
		e.Watches = append(e.Watches, w.Seen(0))
	}
	e.State = load.ReadAll(t, c.ctx, u.h, u.clients[c.nodes()[0]])
	u.stopAll()
	e.Chunks = c.readLog()
	e.Copies = c.readCopies(record.Revision(e.End))
	e.Ops = u.h.Ops()
	for _, fault := range e.Faults() {
		t.Error(check.Broken, fault)
	}
	u.report(e)
}

// stopAll ends every process by itself: electors first, so that nobody is elected any
// more, then the Primary, which hands what is not yet there to the object log.
func (u *use) stopAll() {
	c := u.c
	for _, w := range slices.Concat(slices.Collect(maps.Values(u.watches)), u.gone) {
		w.Stop()
		for _, fault := range w.Faults() {
			c.t.Error(check.Broken, fault)
		}
	}
	active := c.awaitActive()
	for _, id := range c.electors() {
		c.stop(id)
	}
	c.stop(active)
	for _, id := range c.nodes() {
		if id != active {
			c.stop(id)
		}
	}
}

func (u *use) report(e check.Evidence) {
	u.c.t.Helper()
	count := map[check.Outcome]int{}
	reads := 0
	for _, o := range e.Ops {
		if o.Write() {
			count[o.Outcome]++
		} else if o.Outcome == check.Done {
			reads++
		}
	}
	epochs := map[record.Epoch]bool{}
	for _, ch := range e.Chunks {
		epochs[ch.Header.Epoch] = true
	}
	u.c.t.Logf("%d writes done, %d refused, %d in doubt; %d reads; %d revisions in %d chunks of %d reigns",
		count[check.Done], count[check.Refused], count[check.Unknown], reads, e.End, len(e.Chunks), len(epochs))
}

// readLog reads every chunk of the object log straight from the bucket: none is old
// enough to be freed, however many snapshots there are.
func (c *cluster) readLog() (chunks []objectlog.Chunk) {
	c.t.Helper()
	store, err := s3.Open(c.ctx, s3.Config{
		Bucket: s3Bucket, Endpoint: c.bucket.front().URL, Region: s3Region, PathStyle: true,
		Credentials: credentials.NewStaticCredentialsProvider(s3Access, s3Secret, ""),
	})
	c.must(err)
	verifytest.Sound(c.t, store)
	contents, err := bucketread.List(c.ctx, store)
	c.must(err)
	c.must(bucketread.ReadChunks(c.ctx, store, contents.Chunks, func(ch *bucketread.Chunk) error {
		chunks = append(chunks, objectlog.Chunk{Header: ch.Header, Records: ch.Records})
		return ch.Err
	}))
	return chunks
}

// readCopies reads what each node, now stopped, has on its disk. Each had shown its
// clients everything through rev.
func (c *cluster) readCopies(rev record.Revision) (copies []check.Copy) {
	c.t.Helper()
	for _, id := range c.nodes() {
		cp := check.Copy{Name: id, Through: rev}
		c.must(c.readCopy(id, rev, &cp))
		copies = append(copies, cp)
	}
	return copies
}

func (c *cluster) readCopy(id string, rev record.Revision, cp *check.Copy) error {
	ctx := context.WithoutCancel(c.ctx)
	s, err := mvcc.Open(ctx, mvcc.Options{Dir: c.members[id].data, ClusterID: clusterID, NodeID: id})
	if err != nil {
		return err
	}
	defer s.Close()
	return s.Records(ctx, 1, rev, func(r *record.Record) error {
		cp.Records = append(cp.Records, *r)
		return nil
	})
}

// leave ends the clients of a node that is gone for good. What its watch saw is judged.
func (u *use) leave(id string) {
	u.watches[id].Stop()
	u.gone = append(u.gone, u.watches[id])
	delete(u.watches, id)
	delete(u.clients, id)
}
