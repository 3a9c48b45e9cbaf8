// Package buckettest makes buckets for tests, and knows the true history in them.
package buckettest

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/netsy-io/netsy/pkg/datafile"
	"github.com/netsy-io/netsy/pkg/objectlog"
	"github.com/netsy-io/netsy/pkg/objectstore"
	"github.com/netsy-io/netsy/pkg/objectstore/memstore"
	"github.com/netsy-io/netsy/pkg/record"
)

// Bed is a bucket, and the true history that it holds.
type Bed struct {
	t     testing.TB
	Store *memstore.Store
	Recs  []record.Record
	keys  map[string]record.Record
	epoch record.Epoch
	Sent  int // records that are in chunks
}

// New makes an empty one.
func New(t testing.TB) *Bed {
	return &Bed{t: t, Store: memstore.New(nil), keys: map[string]record.Record{}}
}

// Add adds a record, and sets what follows from those before it.
func (b *Bed) Add(r record.Record) {
	r.Revision, r.Epoch, r.LeaderID = record.Revision(len(b.Recs)+1), b.epoch, "node-1"
	r.CreatedAt = time.Unix(1_700_000_000+int64(r.Revision), 0).UTC()
	if old, ok := b.keys[string(r.Key)]; ok && !old.Deleted {
		r.CreateRevision, r.PrevRevision = old.CreateRevision, old.Revision
		if !r.Deleted {
			r.Version = old.Version + 1
		}
	} else {
		r.Created, r.CreateRevision, r.Version = true, r.Revision, 1
	}
	b.Recs, b.keys[string(r.Key)] = append(b.Recs, r), r
}

// Seal begins a reign.
func (b *Bed) Seal(epoch record.Epoch) {
	b.Flush()
	b.epoch = epoch
	b.Add(record.Record{Key: []byte(record.EpochStartKey)})
	b.Flush()
}

// Write writes the keys, each in a revision; one that begins with "-" is deleted.
func (b *Bed) Write(keys ...string) {
	for _, k := range keys {
		if name, del := strings.CutPrefix(k, "-"); del {
			b.Add(record.Record{Key: []byte(name), Deleted: true})
		} else {
			b.Add(record.Record{Key: []byte(k), Value: fmt.Appendf(nil, "%s@%d", k, len(b.Recs)+1)})
		}
	}
}

// Flush uploads what is not there yet as one chunk.
func (b *Bed) Flush() {
	if b.Sent < len(b.Recs) {
		b.Chunk(b.epoch, b.Recs[b.Sent:])
		b.Sent = len(b.Recs)
	}
}

// Chunk puts a chunk into its slot, whatever is there.
func (b *Bed) Chunk(header record.Epoch, recs []record.Record) {
	b.t.Helper()
	body, err := datafile.EncodeChunk(datafile.Header{LeaderID: "node-1", Epoch: header, ChunkID: datafile.ChunkID(recs[0].Revision.Key())}, recs)
	b.must(err)
	b.Put(objectlog.ChunkKey(recs[0].Revision), body)
}

// Put writes an object, whatever is there.
func (b *Bed) Put(key string, body []byte) {
	b.t.Helper()
	_, err := b.Store.Put(b.t.Context(), key, body, objectstore.Always())
	b.must(err)
}

// Get reads an object.
func (b *Bed) Get(key string) []byte {
	b.t.Helper()
	body, _, err := objectstore.ReadAll(b.t.Context(), b.Store, key, 1<<30)
	b.must(err)
	return body
}

// Remove deletes an object.
func (b *Bed) Remove(key string) {
	b.t.Helper()
	b.must(b.Store.Delete(b.t.Context(), key, objectstore.Always()))
}

func (b *Bed) must(err error) {
	b.t.Helper()
	if err != nil {
		b.t.Fatal(err)
	}
}

// At are the records that a snapshot at end, reduced up to purged, holds.
func (b *Bed) At(purged, end record.Revision) (out []record.Record) {
	for i, r := range b.Recs[:end] {
		later := slices.ContainsFunc(b.Recs[i+1:], func(l record.Record) bool { return string(l.Key) == string(r.Key) && l.Revision <= purged })
		if r.Revision > purged || !later && !r.Deleted {
			out = append(out, r)
		}
	}
	return out
}

// Snapshot publishes one of the true history.
func (b *Bed) Snapshot(purged, end record.Revision) {
	b.t.Helper()
	b.SnapshotOf(purged, b.At(purged, end))
}

// SnapshotOf publishes one of any records, under the key of the last.
func (b *Bed) SnapshotOf(purged record.Revision, recs []record.Record) {
	b.t.Helper()
	b.Put(objectlog.SnapshotKey(recs[len(recs)-1].Revision), b.Encode(purged, recs))
}

// Encode makes a snapshot's bytes.
func (b *Bed) Encode(purged record.Revision, recs []record.Record) []byte {
	b.t.Helper()
	var buf bytes.Buffer
	w := datafile.NewWriter(&buf, datafile.Header{Kind: datafile.Snapshot, LeaderID: "compactor", Epoch: recs[len(recs)-1].Epoch, RecordsCount: int64(len(recs)), Purged: purged})
	for i := range recs {
		b.must(w.Write(&recs[i]))
	}
	_, err := w.Close()
	b.must(err)
	return buf.Bytes()
}

// Tombstone does what the compactor does to a chunk in which a reign begins.
func (b *Bed) Tombstone(first record.Revision) {
	b.t.Helper()
	h, err := datafile.DecodeHeader(b.Get(objectlog.ChunkKey(first)))
	b.must(err)
	body, err := datafile.EncodeTombstone(h)
	b.must(err)
	b.Put(objectlog.ChunkKey(first), body)
}

// Documents writes those of a cluster of one node.
func (b *Bed) Documents(clusterID string, epoch record.Epoch, compaction record.Revision) {
	b.t.Helper()
	b.Put("cluster.json", fmt.Appendf(nil, `{"cluster_id": %q, "seq": 3, "write_id": "w", "office": 1, "epoch": %d,
		"primary": {"node_id": "node-1", "incarnation": "i1"}, "compaction_revision": %d, "origin": 0,
		"durability": {"mode": "object-storage", "quorum": -1, "voters": [{"node_id": "node-1", "incarnation": "i1"}]}}`, clusterID, epoch, compaction))
	b.Put("members.json", fmt.Appendf(nil, `{"cluster_id": %q, "seq": 1, "write_id": "w", "members": {"node-1": 7}}`, clusterID))
	b.Put("nodes/node-1.json", fmt.Appendf(nil, `{"cluster_id": %q, "node_id": "node-1", "incarnation": "i1", "start_counter": 1, "version": "v",
		"client_urls": ["https://a:1"], "peer_urls": ["https://a:2"], "seq": 1, "write_id": "w", "start_id": "s"}`, clusterID))
	b.Put("leader/elector.json", fmt.Appendf(nil, `{"cluster_id": %q, "leader_id": "e", "address": "", "updated_at": "2026-01-01T00:00:00Z", "session": "s", "seq": 2, "write_id": "w"}`, clusterID))
}

// Long is a cluster that has lived: three reigns and two snapshots; slots up to the
// first of them are freed, with a tombstone where a reign began.
//
//	revision   1    2-4     5-7      8    9-11     12    13-15   16-17
//	chunk      seal a b c   a -b d   seal a c e    seal  b d -e  f a
//	snapshots                 at 7 (purged 4)       at 12 (purged 9)
func Long(t testing.TB) *Bed {
	b := New(t)
	b.Seal(1)
	b.Write("a", "b", "c")
	b.Flush()
	b.Write("a", "-b", "d")
	b.Flush()
	b.Snapshot(4, 7)
	b.Seal(3)
	b.Write("a", "c", "e")
	b.Flush()
	b.Seal(4)
	b.Snapshot(9, 12)
	b.Write("b", "d", "-e")
	b.Flush()
	b.Write("f", "a")
	b.Flush()
	b.Documents("demo", 4, 10)
	b.Tombstone(1)
	b.Remove(objectlog.ChunkKey(2))
	b.Remove(objectlog.ChunkKey(5))
	return b
}
