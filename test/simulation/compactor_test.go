package simulation

import (
	"context"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/netsy-io/netsy/pkg/compactor"
	"github.com/netsy-io/netsy/pkg/datafile"
	"github.com/netsy-io/netsy/pkg/objectlog"
	"github.com/netsy-io/netsy/pkg/objectstore"
	"github.com/netsy-io/netsy/pkg/objectstore/fault"
	"github.com/netsy-io/netsy/pkg/record"
	"github.com/netsy-io/netsy/pkg/snapshot"
)

// compaction is how a world's log is turned into snapshots: far more often than any real
// one, and freed much sooner, because nothing may rest on either.
type compaction struct {
	Compactors int
	Every      time.Duration // between passes
	Records    int64         // beyond the newest snapshot that make another
	Retention  time.Duration
	Keep       int
}

func (m *machine) runCompactor(ctx context.Context, p *party) error {
	s := m.w.swarm.Snapshots
	c := compactor.New(compactor.Options{
		Store: m.w.bucket.of(p), ClusterID: clusterID, ID: m.name, Thresholds: compactor.Thresholds{Records: s.Records},
		Retention: s.Retention, Keep: s.Keep, Dir: m.w.dir, Logger: m.w.log.Named(m.name),
	})
	return c.Run(ctx, s.Every)
}

// archive keeps every chunk that was part of the log when a compactor removed it or put a
// tombstone in its place: the judge wants to see the whole history. What later
// comes to lie in a freed slot is none of it.
type archive struct {
	mu     sync.Mutex
	chunks map[string][]byte // by key
}

// fault stands right before the bucket.
func (a *archive) fault(mem objectstore.Store) fault.Fault {
	return func(ctx context.Context, r *fault.Request, next fault.Next) (fault.Response, error) {
		_, replaces := r.Cond.Match()
		if strings.HasPrefix(r.Key, "chunks/") && (r.Op == "delete" || r.Op == "put" && replaces) {
			a.keep(mem, r.Key)
		}
		return next(ctx, r)
	}
}

func (a *archive) keep(mem objectstore.Store, key string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if _, ok := a.chunks[key]; ok {
		return
	}
	body, _, err := objectstore.ReadAll(context.Background(), mem, key, datafile.MaxChunkSize)
	if err == nil {
		a.chunks[key] = body
	}
}

// log returns every chunk that was ever part of the log, in order.
func (a *archive) log(mem objectstore.Store) (chunks []objectlog.Chunk, err error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	all := maps.Clone(a.chunks)
	err = objectstore.ListAll(context.Background(), mem, "chunks/", "", func(o objectstore.Info) error {
		if _, ok := all[o.Key]; ok {
			return nil
		}
		var err error
		all[o.Key], _, err = objectstore.ReadAll(context.Background(), mem, o.Key, datafile.MaxChunkSize)
		return err
	})
	if err != nil {
		return nil, err
	}
	for _, key := range slices.Sorted(maps.Keys(all)) {
		h, recs, err := datafile.DecodeChunk(all[key])
		if err != nil || len(recs) == 0 {
			return nil, fmt.Errorf("%s: %d records: %w", key, len(recs), err)
		}
		chunks = append(chunks, objectlog.Chunk{
			Header: h, Records: recs,
			Info: objectlog.ChunkInfo{Key: key, First: recs[0].Revision, Last: recs[len(recs)-1].Pos(), Epoch: h.Epoch, LeaderID: h.LeaderID, ID: h.ChunkID, Records: len(recs)},
		})
	}
	return chunks, nil
}

// newest returns the revision of the newest snapshot, 0 if there is none.
func (b *bucket) newest() (rev record.Revision, err error) {
	all, err := snapshot.New(b.mem, snapshot.Options{}).List(context.Background())
	for _, s := range all {
		rev = s.Revision
	}
	return rev, err
}

// snapshots checks every snapshot against the history: each key's newest record up to
// where it is reduced, and everything above.
func (w *world) checkSnapshots(chunks []objectlog.Chunk) {
	snaps := snapshot.New(w.bucket.mem, snapshot.Options{})
	listed, err := snaps.List(context.Background())
	if err != nil {
		_ = w.fail("listing snapshots: %v", err)
	}
	for _, s := range listed {
		if err := checkSnapshot(snaps, s.Revision, chunks); err != nil {
			_ = w.fail("the snapshot at revision %d: %v", s.Revision, err)
		}
	}
}

func checkSnapshot(snaps *snapshot.Store, rev record.Revision, chunks []objectlog.Chunk) error {
	r, err := snaps.Open(context.Background(), rev)
	if err != nil {
		return err
	}
	defer r.Close()
	want := expected(chunks, rev, r.Header().Purged)
	for i := 0; ; i++ {
		rec, err := r.Next()
		switch {
		case err == io.EOF && i == len(want):
			return nil
		case err != nil:
			return fmt.Errorf("record %d of %d: %w", i, len(want), err)
		case i >= len(want) || rec.Pos() != want[i].Pos() || rec.Sub != want[i].Sub || string(rec.Key) != string(want[i].Key) || string(rec.Value) != string(want[i].Value):
			return fmt.Errorf("record %d is %v %q, which the history doesn't have there", i, rec.Pos(), rec.Key)
		}
	}
}

// expected is what a snapshot at rev holds that is reduced up to purged.
func expected(chunks []objectlog.Chunk, rev, purged record.Revision) (want []record.Record) {
	newest := map[string]record.Pos{}
	each := func(fn func(r *record.Record)) {
		for _, c := range chunks {
			for i := range c.Records {
				if c.Records[i].Revision <= rev {
					fn(&c.Records[i])
				}
			}
		}
	}
	each(func(r *record.Record) {
		if r.Revision <= purged {
			newest[string(r.Key)] = r.Pos()
		}
	})
	each(func(r *record.Record) {
		if r.Revision > purged || newest[string(r.Key)] == r.Pos() && !r.Deleted {
			want = append(want, *r)
		}
	})
	return want
}
