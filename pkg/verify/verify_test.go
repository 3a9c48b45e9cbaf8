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
			b.seal(1)
			b.write("a", "b", "a")
			b.store = newBed(t).store
			b.snapshot(2, 4)
		},
		"bootstrap": func(b *bed) {
			b.seal(1)
			b.write("a")
			b.put("bootstrap.netsy", b.encode(0, b.recs))
			b.remove(chunkKey(1))
		},
		"first reign": func(b *bed) { b.seal(1); b.documents("demo", 1, 0) },
		"no snapshot": func(b *bed) { b.seal(1); b.write("a", "b"); b.flush(); b.documents("demo", 1, 0) },
		"one snapshot": func(b *bed) {
			b.seal(1)
			b.write("a", "b", "a")
			b.flush()
			b.snapshot(2, 4)
			b.write("a")
			b.flush()
			b.documents("demo", 1, 0)
		},
		"origin": func(b *bed) {
			b.seal(5)
			b.write("a", "b", "a")
			b.remove(chunkKey(1))
			b.snapshot(2, 4)
			b.sent = 4
			b.seal(6)
			b.write("c", "-a")
			b.flush()
			b.documents("demo", 6, 3)
			b.put("cluster.json", bytes.Replace(b.get("cluster.json"), []byte(`"origin": 0`), []byte(`"origin": 4`), 1))
		},
		"nothing freed": func(b *bed) {
			*b = *longBed(t)
			b.chunk(1, b.recs[:1])
			b.chunk(1, b.recs[1:4])
			b.chunk(1, b.recs[4:7])
		},
		"partly freed": func(b *bed) {
			*b = *longBed(t)
			b.chunk(1, b.recs[4:7])
		},
		"leftover of a deposed writer": func(b *bed) {
			*b = *longBed(t)
			seal := b.recs[0]
			seal.Revision, seal.Epoch, seal.Created, seal.PrevRevision, seal.Version = 2, 2, false, 1, 2
			b.chunk(2, []record.Record{seal})
		},
		"snapshot within a chunk": func(b *bed) {
			b.seal(1)
			b.write("a", "b", "a", "c")
			b.flush()
			b.snapshot(1, 3)
			b.documents("demo", 1, 0)
		},
		"a late compactor with an older compaction revision": func(b *bed) { *b = *longBed(t); b.snapshot(3, 15); b.snapshot(2, 17) },
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
	{"truncated chunk", func(b *bed) { b.put(chunkKey(9), b.get(chunkKey(9))[:60]) }, KindDamaged, chunkKey(9), nil},
	{"empty chunk", func(b *bed) { b.put(chunkKey(16), nil) }, KindDamaged, chunkKey(16), []Kind{KindState}},
	{"missing chunk", func(b *bed) { b.remove(chunkKey(13)) }, KindGap, chunkKey(13), []Kind{KindState}},
	{"missing chunk below the newest snapshot", func(b *bed) { b.remove(chunkKey(9)) }, KindGap, chunkKey(9), nil},
	{"missing chunk right above the second-newest", func(b *bed) { b.remove(chunkKey(8)) }, KindGap, chunkKey(8), nil},
	{"swapped chunks", func(b *bed) {
		x, y := b.get(chunkKey(9)), b.get(chunkKey(13))
		b.put(chunkKey(9), y)
		b.put(chunkKey(13), x)
	}, KindMisplaced, chunkKey(13), []Kind{KindState, KindMisplaced}},
	{"chunk under another name", func(b *bed) { b.put("chunks/0000000000000000016.bak", b.get(chunkKey(16))); b.remove(chunkKey(16)) }, KindForeign, "chunks/0000000000000000016.bak", []Kind{}},
	{"a snapshot in a slot", func(b *bed) { b.put(chunkKey(18), b.get(snapshotKey(12))) }, KindDamaged, chunkKey(18), []Kind{KindState}},
	{"a chunk as a snapshot", func(b *bed) { b.put(snapshotKey(15), b.get(chunkKey(13))) }, KindMisplaced, snapshotKey(15), nil},
	{"chunk too much", func(b *bed) { b.chunk(4, b.recs[13:15]) }, KindOverlap, chunkKey(14), []Kind{KindState}},
	{"tombstone too high", func(b *bed) { b.tombstone(13) }, KindTombstone, chunkKey(13), []Kind{KindState}},
	{"tombstone above the second-newest", func(b *bed) { b.tombstone(8) }, KindTombstone, chunkKey(8), nil},
	{"epochs go back", func(b *bed) {
		recs := slices.Clone(b.recs[15:17])
		recs[0].Epoch, recs[1].Epoch = 3, 3
		b.chunk(4, recs)
	}, KindEpochs, chunkKey(16), []Kind{KindState}},
	{"header epochs go back", func(b *bed) {
		b.chunk(5, b.recs[12:15])
		b.put("cluster.json", bytes.Replace(b.get("cluster.json"), []byte(`"epoch": 4`), []byte(`"epoch": 5`), 1))
	}, KindEpochs, chunkKey(16), nil},
	{"reign without its start", func(b *bed) {
		recs := slices.Clone(b.recs[15:17])
		recs[0].Epoch, recs[1].Epoch = 5, 5
		b.chunk(5, recs)
		b.put("cluster.json", bytes.Replace(b.get("cluster.json"), []byte(`"epoch": 4`), []byte(`"epoch": 5`), 1))
	}, KindReign, chunkKey(16), []Kind{KindState}},
	{"start within a reign", func(b *bed) {
		recs := slices.Clone(b.recs[15:17])
		recs[0].Key = []byte(record.EpochStartKey)
		recs[0].Created, recs[0].CreateRevision, recs[0].PrevRevision, recs[0].Version = false, 1, 12, 4
		b.chunk(4, recs)
	}, KindReign, chunkKey(16), []Kind{KindState}},
	{"epoch beyond cluster.json", func(b *bed) {
		b.put("cluster.json", bytes.Replace(b.get("cluster.json"), []byte(`"epoch": 4`), []byte(`"epoch": 3`), 1))
	}, KindEpochs, "cluster.json", nil},
	{"compaction beyond the end", func(b *bed) {
		b.put("cluster.json", bytes.Replace(b.get("cluster.json"), []byte(`"compaction_revision": 10`), []byte(`"compaction_revision": 18`), 1))
	}, KindDocument, "cluster.json", nil},
	{"end of the log gone", func(b *bed) {
		b.snapshot(12, 15)
		b.remove(snapshotKey(7))
		b.remove(chunkKey(13))
		b.remove(chunkKey(16))
	}, KindGap, chunkKey(13), nil},

	{"flipped byte in the newest snapshot", func(b *bed) { b.flip(snapshotKey(12)) }, KindDamaged, snapshotKey(12), nil},
	{"flipped byte in the older snapshot", func(b *bed) { b.flip(snapshotKey(7)) }, KindDamaged, snapshotKey(7), []Kind{}},
	{"truncated snapshot", func(b *bed) { b.put(snapshotKey(12), b.get(snapshotKey(12))[:150]) }, KindDamaged, snapshotKey(12), nil},
	{"both snapshots damaged", func(b *bed) { b.flip(snapshotKey(12)); b.flip(snapshotKey(7)) }, KindState, "chunks/", []Kind{KindDamaged}},
	{"snapshot under another's key", func(b *bed) { b.put(snapshotKey(15), b.get(snapshotKey(12))) }, KindMisplaced, snapshotKey(15), nil},
	{"deleted older snapshot", func(b *bed) { b.remove(snapshotKey(7)) }, KindTombstone, chunkKey(1), []Kind{KindGap}},
	{"deleted newest snapshot that slots were freed for", func(b *bed) {
		b.snapshot(12, 17)
		b.remove(chunkKey(9))
		b.tombstone(8)
		b.remove(snapshotKey(17))
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
		b.forge(12, 9, func(s []record.Record) []record.Record { return slices.Insert(s, 0, b.recs[2]) })
	}, KindExtra, snapshotKey(12), []Kind{KindRecord}},
	{"snapshot has an old value", func(b *bed) {
		b.forge(12, 9, func(s []record.Record) []record.Record {
			i := slices.IndexFunc(s, func(r record.Record) bool { return string(r.Key) == "a" })
			s = slices.Delete(s, i, i+1)
			j := slices.IndexFunc(s, func(r record.Record) bool { return r.Revision > 5 })
			return slices.Insert(s, j, b.recs[4])
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
		b.put("cluster.json", bytes.Replace(b.get("cluster.json"), []byte(`"epoch": 4`), []byte(`"epoch": 5`), 1))
	}, KindHistory, chunkKey(12), []Kind{KindDiffers, KindEpochs, KindState}},
	{"oldest snapshot has another value than the next", func(b *bed) {
		b.forge(7, 4, func(s []record.Record) []record.Record {
			i := slices.IndexFunc(s, func(r record.Record) bool { return string(r.Key) == "d" })
			s[i].Value = []byte("forged")
			return s
		})
	}, KindDiffers, snapshotKey(12), nil},
	{"snapshot and the one before differ, the chunks are gone", func(b *bed) {
		b.snapshot(14, 17)
		for _, rev := range []record.Revision{9} {
			b.remove(chunkKey(rev))
		}
		b.tombstone(8)
		b.tombstone(12)
		b.forge(12, 9, func(s []record.Record) []record.Record {
			i := slices.IndexFunc(s, func(r record.Record) bool { return string(r.Key) == "d" })
			s[i].Value = []byte("forged")
			return s
		})
	}, KindDiffers, snapshotKey(12), []Kind{KindDiffers}},
	{"record that contradicts its key's last", func(b *bed) {
		recs := slices.Clone(b.recs[12:15])
		recs[1].Version = 9
		b.chunk(4, recs)
	}, KindRecord, chunkKey(14), []Kind{}},
	{"lost write", func(b *bed) { // two chunks made to fit where there were three
		recs := slices.Clone(b.recs[15:17])
		recs[1].Key = []byte("b")
		b.chunk(4, recs)
	}, KindRecord, chunkKey(17), nil},

	{"foreign file", func(b *bed) { b.put("notes.txt", []byte("x")) }, KindForeign, "notes.txt", nil},
	{"foreign file under snapshots/", func(b *bed) { b.put("snapshots/old", []byte("x")) }, KindForeign, "snapshots/old", nil},
	{"another cluster's node", func(b *bed) {
		b.put("nodes/node-2.json", bytes.ReplaceAll(bytes.ReplaceAll(b.get("nodes/node-1.json"), []byte("demo"), []byte("other")), []byte("node-1"), []byte("node-2")))
	}, KindCluster, "nodes/node-2.json", nil},
	{"another cluster's members", func(b *bed) {
		b.put("members.json", bytes.ReplaceAll(b.get("members.json"), []byte("demo"), []byte("other")))
	}, KindCluster, "members.json", []Kind{KindMember}},
	{"another cluster's lock", func(b *bed) {
		b.put("leader/elector.json", bytes.ReplaceAll(b.get("leader/elector.json"), []byte("demo"), []byte("other")))
	}, KindDocument, "leader/elector.json", nil},
	{"cluster.json is not JSON", func(b *bed) { b.put("cluster.json", []byte("{")) }, KindDocument, "cluster.json", nil},
	{"cluster.json gone", func(b *bed) { b.remove("cluster.json") }, KindDocument, "cluster.json", nil},
	{"members.json gone", func(b *bed) { b.remove("members.json") }, KindDocument, "members.json", []Kind{KindMember}},
	{"node that can't be understood", func(b *bed) { b.put("nodes/node-1.json", []byte("{}")) }, KindDocument, "nodes/node-1.json", nil},
	{"voter without a member id", func(b *bed) {
		b.put("members.json", bytes.ReplaceAll(b.get("members.json"), []byte("node-1"), []byte("node-9")))
	}, KindMember, "cluster.json", nil},
	{"origin gone", func(b *bed) {
		b.put("cluster.json", bytes.Replace(b.get("cluster.json"), []byte(`"origin": 0`), []byte(`"origin": 4`), 1))
		b.remove(snapshotKey(7))
	}, KindSnapshot, snapshotKey(4), []Kind{KindGap, KindForeign, KindTombstone}},
}

// forge replaces a snapshot by one with other records and right checksums.
func (b *bed) forge(end, purged record.Revision, change func([]record.Record) []record.Record) {
	b.snapshotOf(purged, change(b.at(purged, end)))
}

func (b *bed) flip(key string) {
	body := slices.Clone(b.get(key))
	body[len(body)/2] ^= 0x10
	b.put(key, body)
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
		body := sound.get(key)
		for i := range body {
			b := *sound
			b.store = sound.store.Clone()
			flipped := slices.Clone(body)
			flipped[i] ^= 0x04
			b.put(key, flipped)
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
	r, err := Run(t.Context(), Options{Store: b.store, ClusterID: "mine"})
	if err != nil || r.Count(Error) < 3 {
		t.Errorf("%v, %v", r.Findings, err)
	}
}

func TestUnavailable(t *testing.T) {
	b := longBed(t)
	ctx, cancel := context.WithCancel(t.Context())
	var n atomic.Int64
	st := fault.New(b.store, func(ctx context.Context, r *fault.Request, next fault.Next) (fault.Response, error) {
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
					b.snapshot(12, 17)
					b.tombstone(8)
					b.remove(chunkKey(9))
					b.tombstone(12)
				case step <= often:
					b.write("x")
					b.flush()
					end := record.Revision(len(b.recs))
					b.snapshot(end-1, end)
					for rev := record.Revision(13); rev < end; rev++ {
						b.remove(chunkKey(rev))
					}
				}
			}
			listed := false
			var mu sync.Mutex
			st := fault.New(b.store, func(ctx context.Context, r *fault.Request, next fault.Next) (fault.Response, error) {
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
