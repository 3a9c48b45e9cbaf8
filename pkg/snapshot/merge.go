package snapshot

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/netsy-io/netsy/pkg/datafile"
	"github.com/netsy-io/netsy/pkg/objectlog"
	"github.com/netsy-io/netsy/pkg/objectstore"
	"github.com/netsy-io/netsy/pkg/record"
)

// MergeOptions say what a merge is of.
type MergeOptions struct {
	Base record.Revision // the snapshot to begin with; 0: none, the chain from its beginning
	To   record.Revision // the last revision of the result; 0: the chain's end
	// Compaction is the revision below which history may go: the result is reduced up to
	// the one before it, or up to what the base is, and always less than To.
	Compaction record.Revision
	LeaderID   string         // for the header: who makes it
	Progress   func(Progress) // called from Merge's goroutine; may be nil
}

// Merge makes the snapshot at o.To from the one at o.Base and the chain behind it, as a
// Draft, which the caller closes. Its memory is bounded by the number of keys; on disk it
// takes what the state before reduction takes, lightly compressed, and the draft.
//
// A result that ends within a chunk is for another bucket: in this one, Publish refuses it.
//
// To may also be below Base, as long as it is above what Base is reduced to: then the
// chain isn't needed.
//
// Errors: ErrBase (with its cause), *UnreachableError, ErrEmpty, datafile.ErrCorrupt,
// *objectlog.ChainError, object storage's, the local disk's.
func (s *Store) Merge(ctx context.Context, log *objectlog.Log, o MergeOptions) (d *Draft, info Info, err error) {
	began := time.Now()
	defer func() { s.metrics.took("merge", began, err) }()
	if d, err = NewDraft(s.dir); err != nil {
		return nil, Info{}, err
	}
	m := &merge{store: s, log: log, o: o, draft: d, spool: &diskSpool{dir: s.dir}}
	info, err = m.run(ctx)
	if err = errors.Join(err, m.spool.close()); err != nil {
		return nil, Info{}, errors.Join(err, d.Close())
	}
	return d, info, nil
}

// merge is one Merge.
type merge struct {
	store *Store
	log   *objectlog.Log
	o     MergeOptions
	draft *Draft
	spool *diskSpool

	reducer *reducer
	base    datafile.Header
	at      tip
	bytes   int64 // of the chunks read
}

// errReached ends the reading of the chain at To.
var errReached = errors.New("the revision asked for is reached")

func (m *merge) run(ctx context.Context) (Info, error) {
	if err := m.read(ctx); err != nil {
		return Info{}, err
	}
	if err := m.reached(); err != nil {
		return Info{}, err
	}
	purged, err := m.reducer.end()
	if err != nil {
		return Info{}, err
	}
	return m.draft.Finish(datafile.Header{LeaderID: m.o.LeaderID, CreatedAt: time.Now(), Purged: purged})
}

func (m *merge) read(ctx context.Context) error {
	if m.o.Base == 0 {
		m.begin(0, 0)
	} else if err := m.readBase(ctx); err != nil {
		return err
	}
	if m.o.To > 0 && m.o.To <= m.o.Base {
		return nil
	}
	return m.readChain(ctx)
}

// begin begins with a base that is reduced to purged. vague is its end, if it doesn't say
// what it leaves out.
func (m *merge) begin(purged, vague record.Revision) {
	m.spool.seen = func(n int64) { report(m.o.Progress, Progress{Phase: PhaseReduce, Records: n, OfRecords: m.spool.n}) }
	m.reducer = newReducer(purged, m.o.Compaction, m.o.To, m.spool, m.draft.Write)
	m.reducer.keys.vague = vague
}

// readBase takes the base's records up to To. It reads to the end in any case: only there
// shows that nothing is missing.
func (m *merge) readBase(ctx context.Context) error {
	r, err := m.store.Open(ctx, m.o.Base)
	if err != nil {
		return baseFailed(m.o.Base, err)
	}
	m.base = r.Header()
	if m.o.To > 0 && m.o.To <= m.base.Purged {
		err = &UnreachableError{To: m.o.To, Above: m.base.Purged + 1, Err: fmt.Errorf("the snapshot at %d holds the state at %d and what came after it", m.o.Base, m.base.Purged)}
	} else {
		vague := m.o.Base
		if m.base.Purged > 0 {
			vague = 0
		}
		m.begin(m.base.Purged, vague)
		err = m.takeBase(r)
	}
	return errors.Join(err, r.Close())
}

func (m *merge) takeBase(r *Reader) error {
	for n := int64(1); ; n++ {
		rec, err := r.Next()
		if err == io.EOF || n%progressEvery == 0 {
			p := r.Progress()
			p.Phase = PhaseBase
			report(m.o.Progress, p)
		}
		switch {
		case err == io.EOF:
			return nil
		case err != nil:
			return baseFailed(m.o.Base, err)
		case m.o.To > 0 && rec.Revision > m.o.To:
			continue
		}
		if err := m.take(&rec); err != nil {
			return err
		}
	}
}

func (m *merge) readChain(ctx context.Context) error {
	if _, err := m.log.Read(ctx, m.o.Base, m.takeChunk); err != errReached {
		return err
	}
	return nil
}

// takeChunk takes a chunk's records up to To.
func (m *merge) takeChunk(c objectlog.Chunk) error {
	for i := range c.Records {
		rec := &c.Records[i]
		if m.o.To > 0 && rec.Revision > m.o.To {
			return errReached
		}
		if err := m.at.goesOn(rec, c.Info.Key); err != nil {
			return err
		}
		if err := m.take(rec); err != nil {
			return err
		}
	}
	m.bytes += c.Info.Size
	report(m.o.Progress, Progress{Phase: PhaseChain, Records: m.at.records, Bytes: m.bytes})
	if c.Info.Last.Revision == m.o.To {
		return errReached
	}
	return nil
}

func (m *merge) take(r *record.Record) error {
	m.at.move(r)
	return m.reducer.add(r)
}

// reached says whether To was.
func (m *merge) reached() error {
	last := m.at.last.Revision
	switch {
	case m.o.To == 0 && last == 0:
		return fmt.Errorf("snapshot: %w", ErrEmpty)
	case m.o.To == 0:
		return nil
	case m.o.To < m.o.Base && m.base.Purged == 0 && (m.at.lacking || last < m.o.To):
		return &UnreachableError{To: m.o.To, Above: m.o.Base, Err: fmt.Errorf("the snapshot at %d leaves out history before it and doesn't say up to where", m.o.Base)}
	case last < m.o.To:
		return &UnreachableError{To: m.o.To, Below: last, Err: fmt.Errorf("the log ends at %v", m.at.last)}
	}
	return nil
}

// baseFailed tells what is wrong with the base from what is wrong with its reading.
func baseFailed(base record.Revision, err error) error {
	if objectlog.Damaged(err) || errors.Is(err, objectstore.ErrNotFound) {
		return fmt.Errorf("snapshot: %w: revision %d: %w", ErrBase, base, err)
	}
	return err
}
