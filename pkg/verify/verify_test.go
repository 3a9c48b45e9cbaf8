package verify

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/netsy-io/netsy/pkg/bucket/buckettest"
	"github.com/netsy-io/netsy/pkg/objectlog"
	"github.com/netsy-io/netsy/pkg/objectstore"
	"github.com/netsy-io/netsy/pkg/objectstore/fault"
	"github.com/netsy-io/netsy/pkg/record"
)

func chunkKey(rev record.Revision) string    { return objectlog.ChunkKey(rev) }
func snapshotKey(rev record.Revision) string { return objectlog.SnapshotKey(rev) }

func TestSound(t *testing.T) {
	b := longBed(t)
	r := b.verify()
	for _, f := range r.Findings {
		if f.Severity != Note {
			t.Error(f)
		}
	}
	want := Totals{Objects: 12, Bytes: r.Totals.Bytes, Chunks: 6, Tombstones: 1, Snapshots: 2, Records: r.Totals.Records, Keys: 6, First: 1, Last: 17, FirstEpoch: 1, LastEpoch: 4}
	want.First, want.FirstEpoch = r.Totals.First, r.Totals.FirstEpoch
	if r.ClusterID != "demo" || r.Totals != want {
		t.Errorf("%q %+v", r.ClusterID, r.Totals)
	}
}

// Buckets at every stage of a cluster's life.
func TestSoundBeginnings(t *testing.T) {
	for name, make := range map[string]func(*bed){
		"nothing": func(*bed) {},
		"lone snapshot": func(b *bed) {
			b.Seal(1)
			b.Write("a", "b", "a")
			b.Store = newBed(t).Store
			b.Snapshot(2, 4)
		},
		"bootstrap": func(b *bed) {
			b.Seal(1)
			b.Write("a")
			b.Put("bootstrap.netsy", b.Encode(0, b.Recs))
			b.Remove(chunkKey(1))
		},
		"first reign": func(b *bed) { b.Seal(1); b.Documents("demo", 1, 0) },
		"no snapshot": func(b *bed) { b.Seal(1); b.Write("a", "b"); b.Flush(); b.Documents("demo", 1, 0) },
		"one snapshot": func(b *bed) {
			b.Seal(1)
			b.Write("a", "b", "a")
			b.Flush()
			b.Snapshot(2, 4)
			b.Write("a")
			b.Flush()
			b.Documents("demo", 1, 0)
		},
		"origin": func(b *bed) {
			b.Seal(5)
			b.Write("a", "b", "a")
			b.Remove(chunkKey(1))
			b.Snapshot(2, 4)
			b.Sent = 4
			b.Seal(6)
			b.Write("c", "-a")
			b.Flush()
			b.Documents("demo", 6, 3)
			b.origin(4)
		},
		"nothing freed": func(b *bed) {
			*b = *longBed(t)
			b.Chunk(1, b.Recs[:1])
			b.Chunk(1, b.Recs[1:4])
			b.Chunk(1, b.Recs[4:7])
		},
		"partly freed": func(b *bed) {
			*b = *longBed(t)
			b.Chunk(1, b.Recs[4:7])
		},
		"leftover of a deposed writer": func(b *bed) {
			*b = *longBed(t)
			seal := b.Recs[0]
			seal.Revision, seal.Epoch, seal.Created, seal.PrevRevision, seal.Version = 2, 2, false, 1, 2
			b.Chunk(2, []record.Record{seal})
		},
		"leftover right behind a snapshot": func(b *bed) {
			*b = *longBed(t)
			b.Snapshot(1, 4)
			seal := b.Recs[0]
			seal.Revision, seal.Epoch, seal.Created, seal.PrevRevision, seal.Version = 5, 2, false, 1, 2
			b.Chunk(2, []record.Record{seal})
		},
		"another writer's snapshot": func(b *bed) {
			b.Write("a", "a", "b")
			b.SnapshotOf(0, b.At(2, 3))
			b.Sent = 3
			b.Seal(1)
			b.Write("b", "-a")
			b.Flush()
			b.Documents("demo", 1, 0)
			b.origin(3)
		},
		"snapshot within a chunk, and more": func(b *bed) {
			b.Seal(1)
			b.Write("a", "b", "a", "c")
			b.Flush()
			b.Snapshot(1, 3)
			b.Write("b")
			b.Flush()
			b.Documents("demo", 1, 0)
		},
		"snapshot within a chunk": func(b *bed) {
			b.Seal(1)
			b.Write("a", "b", "a", "c")
			b.Flush()
			b.Snapshot(1, 3)
			b.Documents("demo", 1, 0)
		},
		"compacted beyond the log, while receipts acknowledge": func(b *bed) {
			b.Seal(1)
			b.Write("a", "a")
			b.Flush()
			b.Documents("demo", 1, 9)
			b.Put("cluster.json", bytes.Replace(b.Get("cluster.json"), []byte("object-storage"), []byte("quorum"), 1))
		},
		"a late compactor with an older compaction revision": func(b *bed) { *b = *longBed(t); b.Snapshot(3, 15); b.Snapshot(2, 17) },
	} {
		t.Run(name, func(t *testing.T) {
			b := newBed(t)
			make(b)
			for _, f := range b.verify().Findings {
				t.Log(f)
				if f.Severity != Note {
					t.Error("not sound")
				}
			}
		})
	}
}

// damage is something wrong with a sound bucket, and how it must be named.
type damage struct {
	name string
	do   func(*bed)
	kind Kind
	key  string
	also []Kind // what else may follow from it; nil: nothing, empty: anything
}

var damages = []damage{
	{"flipped byte in a chunk", func(b *bed) { b.flip(chunkKey(13)) }, KindDamaged, chunkKey(13), []Kind{KindState}},
	{"truncated chunk", func(b *bed) { b.Put(chunkKey(9), b.Get(chunkKey(9))[:60]) }, KindDamaged, chunkKey(9), nil},
	{"empty chunk", func(b *bed) { b.Put(chunkKey(16), nil) }, KindDamaged, chunkKey(16), []Kind{KindState}},
	{"missing chunk", func(b *bed) { b.Remove(chunkKey(13)) }, KindGap, chunkKey(13), []Kind{KindState}},
	{"missing chunk below the newest snapshot", func(b *bed) { b.Remove(chunkKey(9)) }, KindGap, chunkKey(9), nil},
	{"missing chunk right above the second-newest", func(b *bed) { b.Remove(chunkKey(8)) }, KindGap, chunkKey(8), nil},
	{"swapped chunks", func(b *bed) {
		x, y := b.Get(chunkKey(9)), b.Get(chunkKey(13))
		b.Put(chunkKey(9), y)
		b.Put(chunkKey(13), x)
	}, KindMisplaced, chunkKey(13), []Kind{KindState, KindMisplaced}},
	{"chunk under another name", func(b *bed) { b.Put("chunks/0000000000000000016.bak", b.Get(chunkKey(16))); b.Remove(chunkKey(16)) }, KindForeign, "chunks/0000000000000000016.bak", []Kind{}},
	{"a snapshot in a slot", func(b *bed) { b.Put(chunkKey(18), b.Get(snapshotKey(12))) }, KindDamaged, chunkKey(18), []Kind{KindState}},
	{"a chunk as a snapshot", func(b *bed) { b.Put(snapshotKey(15), b.Get(chunkKey(13))) }, KindMisplaced, snapshotKey(15), nil},
	{"chunk too much", func(b *bed) { b.Chunk(4, b.Recs[13:15]) }, KindOverlap, chunkKey(14), []Kind{KindState}},
	{"tombstone too high", func(b *bed) { b.Tombstone(13) }, KindTombstone, chunkKey(13), []Kind{KindState}},
	{"tombstone above the second-newest", func(b *bed) { b.Tombstone(8) }, KindTombstone, chunkKey(8), nil},
	{"epochs go back", func(b *bed) {
		recs := slices.Clone(b.Recs[15:17])
		recs[0].Epoch, recs[1].Epoch = 3, 3
		b.Chunk(4, recs)
	}, KindEpochs, chunkKey(16), []Kind{KindState}},
	{"header epochs go back", func(b *bed) {
		b.Chunk(5, b.Recs[12:15])
		b.Put("cluster.json", bytes.Replace(b.Get("cluster.json"), []byte(`"epoch": 4`), []byte(`"epoch": 5`), 1))
	}, KindEpochs, chunkKey(16), nil},
	{"reign without its start", func(b *bed) {
		recs := slices.Clone(b.Recs[15:17])
		recs[0].Epoch, recs[1].Epoch = 5, 5
		b.Chunk(5, recs)
		b.Put("cluster.json", bytes.Replace(b.Get("cluster.json"), []byte(`"epoch": 4`), []byte(`"epoch": 5`), 1))
	}, KindReign, chunkKey(16), []Kind{KindState}},
	{"start within a reign", func(b *bed) {
		recs := slices.Clone(b.Recs[15:17])
		recs[0].Key = []byte(record.EpochStartKey)
		recs[0].Created, recs[0].CreateRevision, recs[0].PrevRevision, recs[0].Version = false, 1, 12, 4
		b.Chunk(4, recs)
	}, KindReign, chunkKey(16), []Kind{KindState}},
	{"epoch beyond cluster.json", func(b *bed) {
		b.Put("cluster.json", bytes.Replace(b.Get("cluster.json"), []byte(`"epoch": 4`), []byte(`"epoch": 3`), 1))
	}, KindEpochs, "cluster.json", nil},
	{"compaction beyond the end", func(b *bed) {
		b.Put("cluster.json", bytes.Replace(b.Get("cluster.json"), []byte(`"compaction_revision": 10`), []byte(`"compaction_revision": 18`), 1))
	}, KindDocument, "cluster.json", nil},
	{"end of the log gone", func(b *bed) {
		b.Snapshot(12, 15)
		b.Remove(snapshotKey(7))
		b.Remove(chunkKey(13))
		b.Remove(chunkKey(16))
	}, KindGap, chunkKey(13), nil},

	{"flipped byte in the newest snapshot", func(b *bed) { b.flip(snapshotKey(12)) }, KindDamaged, snapshotKey(12), nil},
	{"flipped byte in the older snapshot", func(b *bed) { b.flip(snapshotKey(7)) }, KindDamaged, snapshotKey(7), []Kind{}},
	{"truncated snapshot", func(b *bed) { b.Put(snapshotKey(12), b.Get(snapshotKey(12))[:150]) }, KindDamaged, snapshotKey(12), nil},
	{"both snapshots damaged", func(b *bed) { b.flip(snapshotKey(12)); b.flip(snapshotKey(7)) }, KindState, "chunks/", []Kind{KindDamaged}},
	{"snapshot under another's key", func(b *bed) { b.Put(snapshotKey(15), b.Get(snapshotKey(12))) }, KindMisplaced, snapshotKey(15), nil},
	{"deleted older snapshot", func(b *bed) { b.Remove(snapshotKey(7)) }, KindTombstone, chunkKey(1), []Kind{KindGap}},
	{"deleted newest snapshot that slots were freed for", func(b *bed) {
		b.Snapshot(12, 17)
		b.Remove(chunkKey(9))
		b.Tombstone(8)
		b.Remove(snapshotKey(17))
	}, KindTombstone, chunkKey(8), nil},

	{"snapshot lacks a key", func(b *bed) {
		b.forge(12, 9, func(s []record.Record) []record.Record { return slices.Delete(s, 0, 1) })
	}, KindLacks, snapshotKey(12), []Kind{KindRecord}},
	{"snapshot has a key too much", func(b *bed) {
		b.forge(12, 9, func(s []record.Record) []record.Record {
			return slices.Insert(s, 0, record.Record{Revision: 2, Epoch: 1, Key: []byte("z"), Created: true, CreateRevision: 2, Version: 1})
		})
	}, KindExtra, snapshotKey(12), nil},
	{"snapshot has a deleted key", func(b *bed) {
		b.forge(12, 9, func(s []record.Record) []record.Record { return slices.Insert(s, 0, b.Recs[2]) })
	}, KindExtra, snapshotKey(12), []Kind{KindRecord}},
	{"snapshot has an old value", func(b *bed) {
		b.forge(12, 9, func(s []record.Record) []record.Record {
			i := slices.IndexFunc(s, func(r record.Record) bool { return string(r.Key) == "a" })
			s = slices.Delete(s, i, i+1)
			j := slices.IndexFunc(s, func(r record.Record) bool { return r.Revision > 5 })
			return slices.Insert(s, j, b.Recs[4])
		})
	}, KindDiffers, snapshotKey(12), []Kind{KindRecord}},
	{"snapshot has another value", func(b *bed) {
		b.forge(12, 9, func(s []record.Record) []record.Record { s[0].Value = []byte("forged"); return s })
	}, KindDiffers, snapshotKey(12), nil},
	{"snapshot has another event", func(b *bed) {
		b.forge(12, 9, func(s []record.Record) []record.Record { s[len(s)-2].Value = []byte("forged"); return s })
	}, KindDiffers, snapshotKey(12), nil},
	{"snapshot of another history", func(b *bed) {
		b.forge(12, 9, func(s []record.Record) []record.Record { s[len(s)-1].Epoch = 5; return s })
		b.Put("cluster.json", bytes.Replace(b.Get("cluster.json"), []byte(`"epoch": 4`), []byte(`"epoch": 5`), 1))
	}, KindHistory, chunkKey(12), []Kind{KindDiffers, KindEpochs, KindState}},
	{"oldest snapshot has another value than the next", func(b *bed) {
		b.forge(7, 4, func(s []record.Record) []record.Record {
			i := slices.IndexFunc(s, func(r record.Record) bool { return string(r.Key) == "d" })
			s[i].Value = []byte("forged")
			return s
		})
	}, KindDiffers, snapshotKey(12), nil},
	{"snapshot and the one before differ, the chunks are gone", func(b *bed) {
		b.Snapshot(14, 17)
		for _, rev := range []record.Revision{9} {
			b.Remove(chunkKey(rev))
		}
		b.Tombstone(8)
		b.Tombstone(12)
		b.forge(12, 9, func(s []record.Record) []record.Record {
			i := slices.IndexFunc(s, func(r record.Record) bool { return string(r.Key) == "d" })
			s[i].Value = []byte("forged")
			return s
		})
	}, KindDiffers, snapshotKey(12), []Kind{KindDiffers}},
	{"record that contradicts its key's last", func(b *bed) {
		recs := slices.Clone(b.Recs[12:15])
		recs[1].Version = 9
		b.Chunk(4, recs)
	}, KindRecord, chunkKey(14), []Kind{}},
	{"prev_revision that isn't the key's last", func(b *bed) {
		recs := slices.Clone(b.Recs[12:15])
		recs[1].PrevRevision--
		b.Chunk(4, recs)
	}, KindRecord, chunkKey(14), nil},
	{"contradiction behind another writer's snapshot", func(b *bed) {
		*b = bed{buckettest.New(b.t), b.t}
		b.Write("a", "a", "b")
		b.SnapshotOf(0, b.At(2, 3))
		b.Sent = 3
		b.Seal(1)
		b.Write("a")
		b.Recs[4].PrevRevision = 1
		b.Flush()
		b.Documents("demo", 1, 0)
		b.origin(3)
	}, KindRecord, chunkKey(5), nil},
	{"node without a member id", func(b *bed) {
		b.Put("nodes/node-2.json", bytes.ReplaceAll(b.Get("nodes/node-1.json"), []byte("node-1"), []byte("node-2")))
	}, KindMember, "nodes/node-2.json", nil},
	{"lost write", func(b *bed) { // two chunks made to fit where there were three
		recs := slices.Clone(b.Recs[15:17])
		recs[1].Key = []byte("b")
		b.Chunk(4, recs)
	}, KindRecord, chunkKey(17), nil},

	{"foreign file", func(b *bed) { b.Put("notes.txt", []byte("x")) }, KindForeign, "notes.txt", nil},
	{"foreign file under snapshots/", func(b *bed) { b.Put("snapshots/old", []byte("x")) }, KindForeign, "snapshots/old", nil},
	{"another cluster's node", func(b *bed) {
		b.Put("nodes/node-2.json", bytes.ReplaceAll(bytes.ReplaceAll(b.Get("nodes/node-1.json"), []byte("demo"), []byte("other")), []byte("node-1"), []byte("node-2")))
	}, KindCluster, "nodes/node-2.json", nil},
	{"another cluster's members", func(b *bed) {
		b.Put("members.json", bytes.ReplaceAll(b.Get("members.json"), []byte("demo"), []byte("other")))
	}, KindCluster, "members.json", []Kind{KindMember}},
	{"another cluster's lock", func(b *bed) {
		b.Put("leader/elector.json", bytes.ReplaceAll(b.Get("leader/elector.json"), []byte("demo"), []byte("other")))
	}, KindDocument, "leader/elector.json", nil},
	{"cluster.json is not JSON", func(b *bed) { b.Put("cluster.json", []byte("{")) }, KindDocument, "cluster.json", nil},
	{"cluster.json gone", func(b *bed) { b.Remove("cluster.json") }, KindDocument, "cluster.json", nil},
	{"members.json gone", func(b *bed) { b.Remove("members.json") }, KindDocument, "members.json", []Kind{KindMember}},
	{"node that can't be understood", func(b *bed) { b.Put("nodes/node-1.json", []byte("{}")) }, KindDocument, "nodes/node-1.json", nil},
	{"voter without a member id", func(b *bed) {
		b.Put("members.json", bytes.ReplaceAll(b.Get("members.json"), []byte("node-1"), []byte("node-9")))
	}, KindMember, "cluster.json", nil},
	{"origin damaged", func(b *bed) {
		for _, rev := range []record.Revision{1, 8, 9, 12, 13, 16} {
			b.Remove(chunkKey(rev))
		}
		b.Remove(snapshotKey(7))
		b.Chunk(4, b.Recs[12:])
		b.flip(snapshotKey(12))
		b.origin(12)
	}, KindState, "snapshots/", []Kind{KindDamaged}},
	{"chunk before the origin", func(b *bed) {
		*b = bed{buckettest.New(b.t), b.t}
		b.Write("a", "b", "a")
		b.Snapshot(2, 3)
		b.Sent = 3
		b.Seal(1)
		b.Documents("demo", 1, 0)
		b.origin(3)
		b.Chunk(1, b.Recs[:2])
	}, KindForeign, chunkKey(1), nil},
	{"origin gone", func(b *bed) {
		b.Put("cluster.json", bytes.Replace(b.Get("cluster.json"), []byte(`"origin": 0`), []byte(`"origin": 4`), 1))
		b.Remove(snapshotKey(7))
	}, KindSnapshot, snapshotKey(4), []Kind{KindGap, KindForeign, KindTombstone}},
}

// origin makes the cluster one that began with the snapshot at rev.
func (b *bed) origin(rev record.Revision) {
	b.Put("cluster.json", bytes.Replace(b.Get("cluster.json"), []byte(`"origin": 0`), fmt.Appendf(nil, `"origin": %d`, rev), 1))
}

// A snapshot may end within a chunk: the rest of it counts.
func TestChunkBeyondASnapshot(t *testing.T) {
	b := newBed(t)
	b.Seal(1)
	b.Write("a", "b", "a", "c")
	b.Flush()
	b.Snapshot(1, 3)
	b.Documents("demo", 1, 0)
	if r := b.verify(); r.Totals.Keys != 4 || r.Totals.Last != 5 {
		t.Errorf("%+v", r.Totals)
	}
}

// What a deposed writer left in a freed slot is named.
func TestLeftoverIsNoted(t *testing.T) {
	b := newBed(t)
	b.Seal(1)
	for range 4 {
		b.Write("a")
		b.Flush()
	}
	b.Snapshot(1, 2)
	b.Snapshot(2, 4)
	b.Snapshot(3, 5)
	seal := b.Recs[0]
	seal.Revision, seal.Epoch, seal.Created, seal.PrevRevision, seal.Version = 3, 2, false, 1, 2
	b.Chunk(2, []record.Record{seal})
	b.Documents("demo", 3, 0)
	r := b.verify()
	noted := slices.ContainsFunc(r.Findings, func(f Finding) bool { return f.Kind == KindLeftover && f.Severity == Note })
	if !noted || r.Count(Error)+r.Count(Warning) > 0 {
		t.Errorf("%v", r.Findings)
	}
}

// A chunk that is merged goes while the bucket is read.
func TestFreedMeanwhile(t *testing.T) {
	b := longBed(t)
	b.Chunk(1, b.Recs[:1])
	b.Chunk(1, b.Recs[1:4])
	b.Chunk(1, b.Recs[4:7])
	st := fault.New(b.Store, func(ctx context.Context, r *fault.Request, next fault.Next) (fault.Response, error) {
		if r.Op == "get" && r.Key == chunkKey(5) {
			b.Remove(chunkKey(5))
		}
		return next(ctx, r)
	})
	r, err := Run(t.Context(), Options{Store: st})
	if err != nil || r.Count(Error)+r.Count(Warning) > 0 {
		t.Errorf("%v, %v", err, r.Findings)
	}
}

func TestDamages(t *testing.T) {
	for _, d := range damages {
		t.Run(d.name, func(t *testing.T) {
			b := longBed(t)
			d.do(b)
			r := b.verify()
			found := false
			for _, f := range r.Findings {
				named := f.Kind == d.kind && f.Key == d.key && f.Severity != Note
				found = found || named
				if !named && f.Severity == Error && (d.also == nil || len(d.also) > 0 && !slices.Contains(d.also, f.Kind)) {
					t.Errorf("not expected: %v", f)
				} else {
					t.Log(f)
				}
				if f.Severity == Error && f.Next == "" {
					t.Errorf("no next step: %v", f)
				}
			}
			if !found {
				t.Errorf("%s of %s isn't among %d findings", d.kind, d.key, len(r.Findings))
			}
		})
	}
}

// Each byte of each object, flipped: it is found, or means nothing (a few bits of a zstd
// frame, or of a document's text).
func TestEveryFlippedByteOfFilesIsFound(t *testing.T) {
	sound := longBed(t)
	missed := 0
	for _, key := range []string{chunkKey(1), chunkKey(8), chunkKey(9), chunkKey(13), chunkKey(16), snapshotKey(7), snapshotKey(12)} {
		body := sound.Get(key)
		for i := 0; i < len(body); i += 2 {
			in := *sound.Bed
			in.Store = sound.Store.Clone()
			b := &bed{&in, t}
			flipped := slices.Clone(body)
			flipped[i] ^= 0x04
			b.Put(key, flipped)
			if r := b.verify(); r.Sound() {
				missed++
				t.Logf("%s, byte %d", key, i)
			}
		}
	}
	if missed > 4 {
		t.Errorf("%d flipped bytes aren't found", missed)
	}
}

func TestOtherCluster(t *testing.T) {
	b := longBed(t)
	r, err := Run(t.Context(), Options{Store: b.Store, ClusterID: "mine"})
	if err != nil || r.Count(Error) < 3 {
		t.Errorf("%v, %v", r.Findings, err)
	}
}

func TestUnavailable(t *testing.T) {
	b := longBed(t)
	ctx, cancel := context.WithCancel(t.Context())
	var n atomic.Int64
	st := fault.New(b.Store, func(ctx context.Context, r *fault.Request, next fault.Next) (fault.Response, error) {
		if n.Add(1) > 12 {
			cancel()
			return fault.Response{}, objectstore.Errorf(objectstore.ErrUnavailable, r.Op, r.Key, "down")
		}
		return next(ctx, r)
	})
	if _, err := Run(ctx, Options{Store: st}); err == nil {
		t.Error("a bucket that can't be read was verified")
	}
}

// A compactor that works while the bucket is read.
func TestCompactorMeanwhile(t *testing.T) {
	for _, often := range []int{1, 2, 100} {
		t.Run(fmt.Sprint(often), func(t *testing.T) {
			b := longBed(t)
			step := 0
			work := func() {
				step++

				switch {
				case step == 1:
					b.Snapshot(12, 17)
					b.Tombstone(8)
					b.Remove(chunkKey(9))
					b.Tombstone(12)
				case step <= often:
					b.Write("x")
					b.Flush()
					end := record.Revision(len(b.Recs))
					b.Snapshot(end-1, end)
					for rev := record.Revision(13); rev < end; rev++ {
						b.Remove(chunkKey(rev))
					}
				}
			}
			listed := false
			var mu sync.Mutex
			st := fault.New(b.Store, func(ctx context.Context, r *fault.Request, next fault.Next) (fault.Response, error) {
				mu.Lock()
				defer mu.Unlock()
				if r.Op == "list" {
					listed = r.Key == ""
				} else if listed && r.Op == "get" {
					listed = false
					work()
				}
				return next(ctx, r)
			})
			r, err := Run(t.Context(), Options{Store: st})
			if often == 100 {
				if !errors.Is(err, ErrMoving) {
					t.Errorf("%v, %v", err, r.Findings)
				}
				return
			}
			if err != nil || r.Count(Error)+r.Count(Warning) > 0 {
				t.Errorf("%v, %v", err, r.Findings)
			}
		})
	}
}
