package migration

import (
	"context"
	"fmt"
	"testing"

	"go.etcd.io/etcd/api/v3/mvccpb"
	clientv3 "go.etcd.io/etcd/client/v3"
)

// What a client sees is written as text, so that two stores can be compared line by line.
// Lease ids change on the way: only that there is one is compared, and that keys which share
// one go on sharing it; and only in the present, since in history those of leases that have
// ended are not kept.

// everything is the range of all keys.
var everything = []clientv3.OpOption{clientv3.WithFromKey()}

type leaseNames map[int64]string

func (l leaseNames) of(id int64) string {
	if id == 0 || l == nil {
		return ""
	}
	if l[id] == "" {
		l[id] = fmt.Sprint(" lease ", len(l))
	}
	return l[id]
}

// line leaves leases out if leases is nil.
func line(kv *mvccpb.KeyValue, leases leaseNames) string {
	return fmt.Sprintf("%q=%q create %d mod %d version %d%s", kv.Key, kv.Value, kv.CreateRevision, kv.ModRevision, kv.Version, leases.of(kv.Lease))
}

// stateAt is all keys at a revision, 0 being the present.
func stateAt(t testing.TB, c *clientv3.Client, rev int64) []string {
	t.Helper()
	resp, err := c.Get(within(t), "\x00", append(everything, clientv3.WithRev(rev))...)
	check(t, err)
	lines, leases := []string{fmt.Sprint(resp.Count, " keys")}, leaseNames{}
	if rev > 0 {
		leases = nil
	}
	for _, kv := range resp.Kvs {
		lines = append(lines, line(kv, leases))
	}
	return lines
}

// eventsFrom are all events from a revision up to another. What was before the very first
// revision is left out: right behind a compaction, Netsy doesn't tell (docs/migration.md).
func eventsFrom(t testing.TB, c *clientv3.Client, from, to int64) (lines []string) {
	t.Helper()
	ctx, cancel := context.WithCancel(within(t))
	defer cancel()
	for resp := range c.Watch(ctx, "\x00", append(everything, clientv3.WithRev(from), clientv3.WithPrevKV(), clientv3.WithProgressNotify())...) {
		check(t, resp.Err())
		for _, ev := range resp.Events {
			if ev.Kv.ModRevision > to {
				return lines
			}
			s := ev.Type.String() + " " + line(ev.Kv, nil)
			if ev.PrevKv != nil && ev.Kv.ModRevision > from {
				s += " after " + line(ev.PrevKv, nil)
			}
			lines = append(lines, s)
		}
	}
	t.Fatalf("the watch from %d ended before %d", from, to)
	return nil
}

func equal(t testing.TB, what string, got, want []string) {
	t.Helper()
	for i := range max(len(got), len(want)) {
		g, w := "nothing", "nothing"
		if i < len(got) {
			g = got[i]
		}
		if i < len(want) {
			w = want[i]
		}
		if g != w {
			t.Errorf("%s, line %d of %d:\ngot  %s\nwant %s", what, i, len(want), g, w)
			return
		}
	}
}

// revision is the present one.
func revision(t testing.TB, c *clientv3.Client) int64 {
	t.Helper()
	resp, err := c.Get(within(t), "any")
	check(t, err)
	return resp.Header.Revision
}
