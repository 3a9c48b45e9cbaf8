package verify

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/netsy-io/netsy/pkg/datafile"
	"github.com/netsy-io/netsy/pkg/objectlog"
	"github.com/netsy-io/netsy/pkg/objectstore"
	"github.com/netsy-io/netsy/pkg/objectstore/memstore"
	"github.com/netsy-io/netsy/pkg/record"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// bed is a bucket, and the true history that it holds.
type bed struct {
	t     testing.TB
	store *memstore.Store
	recs  []record.Record
	keys  map[string]record.Record
	epoch record.Epoch
	sent  int // records that are in chunks
}

func newBed(t testing.TB) *bed {
	return &bed{t: t, store: memstore.New(nil), keys: map[string]record.Record{}}
}

func (b *bed) add(r record.Record) {
	r.Revision, r.Epoch, r.LeaderID = record.Revision(len(b.recs)+1), b.epoch, "node-1"
	r.CreatedAt = time.Unix(1_700_000_000+int64(r.Revision), 0).UTC()
	if old, ok := b.keys[string(r.Key)]; ok && !old.Deleted {
		r.CreateRevision, r.PrevRevision = old.CreateRevision, old.Revision
		if !r.Deleted {
			r.Version = old.Version + 1
		}
	} else {
		r.Created, r.CreateRevision, r.Version = true, r.Revision, 1
	}
	b.recs, b.keys[string(r.Key)] = append(b.recs, r), r
}

// seal begins a reign.
func (b *bed) seal(epoch record.Epoch) {
	b.flush()
	b.epoch = epoch
	b.add(record.Record{Key: []byte(record.EpochStartKey)})
	b.flush()
}

// write writes the keys, each in a revision; one that begins with "-" is deleted.
func (b *bed) write(keys ...string) {
	for _, k := range keys {
		if name, del := strings.CutPrefix(k, "-"); del {
			b.add(record.Record{Key: []byte(name), Deleted: true})
		} else {
			b.add(record.Record{Key: []byte(k), Value: fmt.Appendf(nil, "%s@%d", k, len(b.recs)+1)})
		}
	}
}

// flush uploads what is not there yet as one chunk.
func (b *bed) flush() {
	if b.sent < len(b.recs) {
		b.chunk(b.epoch, b.recs[b.sent:])
		b.sent = len(b.recs)
	}
}

func (b *bed) chunk(header record.Epoch, recs []record.Record) {
	b.t.Helper()
	body, err := datafile.EncodeChunk(datafile.Header{LeaderID: "node-1", Epoch: header, ChunkID: datafile.ChunkID(recs[0].Revision.Key())}, recs)
	b.must(err)
	b.put(objectlog.ChunkKey(recs[0].Revision), body)
}

func (b *bed) put(key string, body []byte) {
	b.t.Helper()
	_, err := b.store.Put(b.t.Context(), key, body, objectstore.Always())
	b.must(err)
}

func (b *bed) get(key string) []byte {
	b.t.Helper()
	body, _, err := objectstore.ReadAll(b.t.Context(), b.store, key, 1<<30)
	b.must(err)
	return body
}

func (b *bed) remove(key string) {
	b.t.Helper()
	b.must(b.store.Delete(b.t.Context(), key, objectstore.Always()))
}

func (b *bed) must(err error) {
	b.t.Helper()
	if err != nil {
		b.t.Fatal(err)
	}
}

// at are the records that a snapshot at end, reduced up to purged, holds.
func (b *bed) at(purged, end record.Revision) (out []record.Record) {
	for i, r := range b.recs[:end] {
		later := slices.ContainsFunc(b.recs[i+1:], func(l record.Record) bool { return string(l.Key) == string(r.Key) && l.Revision <= purged })
		if r.Revision > purged || !later && !r.Deleted {
			out = append(out, r)
		}
	}
	return out
}

// snapshot publishes one of the true history.
func (b *bed) snapshot(purged, end record.Revision) {
	b.t.Helper()
	b.snapshotOf(purged, b.at(purged, end))
}

// snapshotOf publishes one of any records, under the key of the last.
func (b *bed) snapshotOf(purged record.Revision, recs []record.Record) {
	b.t.Helper()
	b.put(objectlog.SnapshotKey(recs[len(recs)-1].Revision), b.encode(purged, recs))
}

func (b *bed) encode(purged record.Revision, recs []record.Record) []byte {
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

// tombstone does what the compactor does to a chunk in which a reign begins.
func (b *bed) tombstone(first record.Revision) {
	b.t.Helper()
	h, err := datafile.DecodeHeader(b.get(objectlog.ChunkKey(first)))
	b.must(err)
	body, err := datafile.EncodeTombstone(h)
	b.must(err)
	b.put(objectlog.ChunkKey(first), body)
}

// documents writes those of a cluster of one node.
func (b *bed) documents(clusterID string, epoch record.Epoch, compaction record.Revision) {
	b.t.Helper()
	b.put("cluster.json", fmt.Appendf(nil, `{"cluster_id": %q, "seq": 3, "write_id": "w", "office": 1, "epoch": %d,
		"primary": {"node_id": "node-1", "incarnation": "i1"}, "compaction_revision": %d, "origin": 0,
		"durability": {"mode": "object-storage", "quorum": -1, "voters": [{"node_id": "node-1", "incarnation": "i1"}]}}`, clusterID, epoch, compaction))
	b.put("members.json", fmt.Appendf(nil, `{"cluster_id": %q, "seq": 1, "write_id": "w", "members": {"node-1": 7}}`, clusterID))
	b.put("nodes/node-1.json", fmt.Appendf(nil, `{"cluster_id": %q, "node_id": "node-1", "incarnation": "i1", "start_counter": 1, "version": "v",
		"client_urls": ["https://a:1"], "peer_urls": ["https://a:2"], "seq": 1, "write_id": "w", "start_id": "s"}`, clusterID))
	b.put("leader/elector.json", fmt.Appendf(nil, `{"cluster_id": %q, "leader_id": "e", "address": "", "updated_at": "2026-01-01T00:00:00Z", "session": "s", "seq": 2, "write_id": "w"}`, clusterID))
}

// longBed is a cluster that has lived: three reigns and two snapshots; slots up to the
// first of them are freed, with a tombstone where a reign began.
//
//	revision   1    2-4     5-7      8    9-11     12    13-15   16-17
//	chunk      seal a b c   a -b d   seal a c e    seal  b d -e  f a
//	snapshots                 at 7 (purged 4)       at 12 (purged 9)
func longBed(t testing.TB) *bed {
	b := newBed(t)
	b.seal(1)
	b.write("a", "b", "c")
	b.flush()
	b.write("a", "-b", "d")
	b.flush()
	b.snapshot(4, 7)
	b.seal(3)
	b.write("a", "c", "e")
	b.flush()
	b.seal(4)
	b.snapshot(9, 12)
	b.write("b", "d", "-e")
	b.flush()
	b.write("f", "a")
	b.flush()
	b.documents("demo", 4, 10)
	b.tombstone(1)
	b.remove(objectlog.ChunkKey(2))
	b.remove(objectlog.ChunkKey(5))
	return b
}

func (b *bed) verify() Report {
	b.t.Helper()
	r, err := Run(b.t.Context(), Options{Store: b.store})
	b.must(err)
	return r
}
