package elector

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/netsy-io/netsy/pkg/datafile"
	"github.com/netsy-io/netsy/pkg/objectlog"
	"github.com/netsy-io/netsy/pkg/objectstore"
	"github.com/netsy-io/netsy/pkg/objectstore/fault"
	"github.com/netsy-io/netsy/pkg/origin"
	"github.com/netsy-io/netsy/pkg/record"
	"github.com/netsy-io/netsy/pkg/registry"
)

// historyEnd is where the tests' history ends.
var historyEnd = record.Pos{Epoch: 7, Revision: 30}

// history is a snapshot that leaves nothing out up to historyEnd.
func history(t *testing.T) []byte {
	t.Helper()
	var b bytes.Buffer
	w := datafile.NewWriter(&b, datafile.Header{Kind: datafile.Snapshot, RecordsCount: int64(historyEnd.Revision), Epoch: historyEnd.Epoch})
	for rev := record.Revision(1); rev <= historyEnd.Revision; rev++ {
		r := record.Record{Revision: rev, Epoch: historyEnd.Epoch, Key: []byte("k" + rev.Key()), Created: true, CreateRevision: rev, Version: 1}
		if rev == 1 {
			r.Key = []byte(record.EpochStartKey)
		}
		if err := w.Write(&r); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// holding puts an object into the bucket, and sees to it that no elector takes office
// before the history that cluster.json names is in place.
func (b *bed) holding(key string, body []byte) {
	b.t.Helper()
	inner := b.store
	if _, err := inner.Put(context.Background(), key, body, objectstore.Always()); err != nil {
		b.t.Fatal(err)
	}
	b.store = fault.New(inner, fault.Hook(func(r *fault.Request) {
		var doc struct{ Office, Origin int64 }
		if r.Op != "put" || r.Key != registry.ClusterKey || json.Unmarshal(r.Body, &doc) != nil || doc.Office == 0 || doc.Origin == 0 {
			return
		}
		got, _, err := objectstore.ReadAll(context.Background(), inner, objectlog.SnapshotKey(record.Revision(doc.Origin)), 1<<20)
		if err != nil || !bytes.Equal(got, body) {
			b.t.Errorf("office %d is taken while the history is not in place: %d bytes, %v", doc.Office, len(got), err)
		}
	}))
	b.reg = registry.New(b.store, testCluster)
}

// The keys under which a history can be found.
var historyKeys = []string{origin.BootstrapKey, objectlog.SnapshotKey(historyEnd.Revision)}

// A cluster that begins with a history begins right above its epoch.
func TestFirstElectionAboveAHistory(t *testing.T) {
	for _, key := range historyKeys {
		t.Run(key, func(t *testing.T) {
			inBubble(t, func(t *testing.T, b *bed) {
				b.holding(key, history(t))
				n := b.add("node-1")
				e1, e2 := b.elector("e1"), b.elector("e2")
				if got := b.awaitPrimary(n); got != int64(historyEnd.Epoch)+1 {
					t.Errorf("active in epoch %d, expected %d", got, historyEnd.Epoch+1)
				}
				if c := b.cluster(); c.Origin != historyEnd.Revision || c.CompactionRevision != 0 || c.Office != 1 {
					t.Errorf("cluster.json: %+v", c)
				}
				n.kill()
				n.start()
				b.awaitActiveAbove(int64(historyEnd.Epoch) + 1)
				e1.stop(t)
				e2.stop(t)
			})
		})
	}
}

// As TestElectorKilledAnywhere, from a bucket that holds a history.
func TestElectorKilledWhileItBegins(t *testing.T) {
	body := history(t)
	for _, key := range historyKeys {
		for _, after := range []bool{false, true} {
			for at, survived := 1, false; !survived; at++ {
				t.Run(fmt.Sprintf("%s step %d after %v", key, at, after), func(t *testing.T) {
					inBubble(t, func(t *testing.T, b *bed) {
						b.holding(key, body)
						survived = killAt(t, b, historyEnd.Epoch, at, after)
						if c := b.cluster(); c.Origin != historyEnd.Revision {
							t.Errorf("begun with revision %d", c.Origin)
						}
					})
				})
				if t.Failed() {
					return
				}
				if at > 500 {
					t.Fatal("the elector never gets by with fewer than 500 steps")
				}
			}
		}
	}
}

// Each write while a cluster begins, with each fate.
func TestUnknownOutcomesWhileItBegins(t *testing.T) {
	body := history(t)
	for _, what := range fates {
		for at := 1; at <= 5; at++ {
			t.Run(fmt.Sprintf("write %d %v", at, what), func(t *testing.T) {
				inBubble(t, func(t *testing.T, b *bed) {
					b.holding(origin.BootstrapKey, body)
					n := b.add("node-1")
					f := &faulty{Store: b.store}
					count := 0
					f.plan = func(op, key string) fate {
						if !documents(op, key) {
							return pass
						}
						if count++; count == at {
							return what
						}
						return pass
					}
					e := b.elector("e1", func(o *Options) { o.Store = f })
					b.awaitPrimary(n)
					f.land()
					time.Sleep(time.Minute)
					b.await("peace", func() bool { return n.primary == active && int64(b.cluster().Epoch) == n.served })
					if c := b.cluster(); c.Origin != historyEnd.Revision {
						t.Errorf("begun with revision %d", c.Origin)
					}
					e.stop(t)
				})
			})
		}
	}
}

// A bucket that lost its cluster.json: nothing is begun, the elector says why, once, and goes
// on when it is mended.
func TestClusterThatCantBegin(t *testing.T) {
	inBubble(t, func(t *testing.T, b *bed) {
		const chunk = "chunks/0000000000000000001.netsy"
		if _, err := b.store.Put(t.Context(), chunk, nil, objectstore.Always()); err != nil {
			t.Fatal(err)
		}
		n := b.add("node-1")
		var out logs
		f := &faulty{Store: b.store}
		e := b.elector("e1", out.logger, func(o *Options) { o.Store = f })
		time.Sleep(10 * time.Minute)
		if c := b.cluster(); c.Seq != 0 || e.InOffice() || !errors.Is(e.Held(), origin.ErrClusterLost) {
			t.Errorf("cluster.json %+v, in office %v, held by %v", c, e.InOffice(), e.Held())
		}
		if got := strings.Count(out.String(), "elector_origin_refused"); got != 1 {
			t.Errorf("said %d times: %s", got, out.String())
		}
		f.mu.Lock()
		if per := len(f.trace) / 10; per > 120 {
			t.Errorf("%d requests a minute", per)
		}
		f.mu.Unlock()
		if err := b.store.Delete(t.Context(), chunk, objectstore.Always()); err != nil {
			t.Fatal(err)
		}
		b.awaitPrimary(n)
		if e.Held() != nil {
			t.Errorf("still held by %v", e.Held())
		}
		e.stop(t)
	})
}

// One that leaves while it is held up says nothing any more.
func TestHeldNoMore(t *testing.T) {
	inBubble(t, func(t *testing.T, b *bed) {
		if _, err := b.store.Put(t.Context(), registry.MembersKey, nil, objectstore.Always()); err != nil {
			t.Fatal(err)
		}
		e := b.elector("e1")
		time.Sleep(time.Minute)
		if !errors.Is(e.Held(), origin.ErrClusterLost) {
			t.Errorf("held by %v", e.Held())
		}
		e.stop(t)
		if e.Held() != nil {
			t.Errorf("stopped, and still held by %v", e.Held())
		}
	})
}

// A bootstrap.netsy that comes after cluster.json is reported, and the cluster begins
// without it.
func TestBootstrapTooLate(t *testing.T) {
	inBubble(t, func(t *testing.T, b *bed) {
		var out logs
		e := b.elector("e1", out.logger)
		b.awaitOffice(e)
		if _, err := b.store.Put(t.Context(), origin.BootstrapKey, history(t), objectstore.Always()); err != nil {
			t.Fatal(err)
		}
		n := b.add("node-1")
		if got := b.awaitPrimary(n); got != 1 {
			t.Errorf("active in epoch %d", got)
		}
		n.kill()
		n.start()
		b.awaitActiveAbove(1)
		if got := strings.Count(out.String(), "elector_bootstrap_late"); got != 1 {
			t.Errorf("said %d times: %s", got, out.String())
		}
		e.stop(t)
		var again logs
		e = b.elector("e2", again.logger)
		b.awaitOffice(e)
		if !strings.Contains(again.String(), "elector_bootstrap_late") {
			t.Errorf("the next one says nothing of it: %s", again.String())
		}
		e.stop(t)
	})
}
