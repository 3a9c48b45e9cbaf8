package primary

import (
	"context"
	"errors"
	"fmt"
	"math"
	"time"

	"github.com/hashicorp/go-hclog"

	"github.com/netsy-io/netsy/pkg/mvcc"
	"github.com/netsy-io/netsy/pkg/objectlog"
	"github.com/netsy-io/netsy/pkg/record"
)

// preflight is a Primary's way from being named to being active (design:
// "Preflight"). It may go round several times: each time another writer's chunk
// is found where ours was to go, it is adopted first.
type preflight struct {
	cfg Config
	log hclog.Logger
}

// run returns the writer that holds the sealed end of the object log.
func (p *preflight) run(ctx context.Context) (*objectlog.Writer, error) {
	if _, err := p.cfg.Store.Serve(ctx, p.cfg.Epoch); err != nil {
		return nil, err
	}
	for {
		end, err := p.catchUp(ctx)
		if err != nil {
			return nil, fmt.Errorf("catching up with the object log: %w", err)
		}
		writer := p.cfg.Log.NewWriter(p.cfg.Epoch, p.cfg.Self.NodeID, end.Last.Revision+1)
		err = p.uploadAndSeal(ctx, writer, end)
		if err == nil {
			return writer, nil
		}
		var lost *objectlog.SlotLostError
		if !errors.As(err, &lost) {
			return nil, err
		}
		if lost.Winner.Epoch > p.cfg.Epoch {
			return nil, &HigherEpochError{Own: p.cfg.Epoch, Seen: lost.Winner.Epoch, Where: lost.Key}
		}
		p.log.Info("adopting a chunk of an older reign", "event", "preflight_adopt", "key", lost.Key, "epoch", lost.Winner.Epoch)
	}
}

// catchUp lays the object log over the local copy: the log wins.
func (p *preflight) catchUp(ctx context.Context) (objectlog.End, error) {
	after, err := p.agreed(ctx)
	if err != nil {
		return objectlog.End{}, err
	}
	began, chunks := time.Now(), 0
	end, err := p.cfg.Log.Read(ctx, after, func(c objectlog.Chunk) error {
		if c.Header.Epoch > p.cfg.Epoch {
			return &HigherEpochError{Own: p.cfg.Epoch, Seen: c.Header.Epoch, Where: c.Info.Key}
		}
		chunks++
		return p.apply(ctx, c)
	})
	if err != nil {
		return end, err
	}
	// A read that had nothing new to give has still looked at the last chunk.
	if end.HeaderEpoch > p.cfg.Epoch {
		return end, &HigherEpochError{Own: p.cfg.Epoch, Seen: end.HeaderEpoch, Where: end.Chunk.Key}
	}
	p.log.Info("caught up with the object log", "event", "preflight_caught_up", "from", after, "to", end.Last.Revision,
		"chunks", chunks, "local_tail", p.cfg.Store.Tail().String(), "seconds", time.Since(began).Seconds())
	return end, nil
}

// CatchUp brings st to the end of the object log, wherever it is: the log wins. It is
// for a copy that nobody can send what it lacks; what it adds counts as committed only
// once a Primary says so.
func CatchUp(ctx context.Context, st *mvcc.Store, log *objectlog.Log, logger hclog.Logger) (objectlog.End, error) {
	p := preflight{cfg: Config{Store: st, Log: log, Epoch: math.MaxInt64}, log: logger}
	return p.catchUp(ctx)
}

// agreed finds the revision up to which the local copy is known to be what the
// log holds: where the log was last known to end, if it still says the same there.
func (p *preflight) agreed(ctx context.Context) (record.Revision, error) {
	first, pos, ok := p.cfg.Store.Logged()
	if !ok {
		return 0, nil
	}
	if holds, err := p.cfg.Log.Holds(ctx, first, pos); err != nil || !holds {
		return 0, err
	}
	if held, err := p.cfg.Store.PosAt(ctx, pos.Revision); err != nil || held != pos {
		return 0, err
	}
	return pos.Revision, nil
}

func (p *preflight) apply(ctx context.Context, c objectlog.Chunk) error {
	st := p.cfg.Store
	m, err := plan(c.Records, st.Tail().Revision, func(rev record.Revision) (record.Epoch, bool, error) { return st.EpochAt(ctx, rev) })
	if err != nil {
		return err
	}
	if m.truncate {
		p.log.Warn("removing local records that the object log does not have", "event", "preflight_truncate",
			"after", m.keep, "local_tail", st.Tail().String(), "key", c.Info.Key)
		if err := st.TruncateAfter(ctx, m.keep); err != nil {
			return err
		}
	}
	if len(m.add) > 0 {
		if err := st.AppendLogged(ctx, m.add); err != nil {
			return err
		}
	}
	// Chunks end at whole revisions, so the local copy agrees up to here.
	st.SetLogged(c.Info.First, c.Info.Last)
	return nil
}

// uploadAndSeal sends the local records that the log lacks, with their own epochs,
// and then wins the slot that no older Primary can pass. The epoch start enters
// SQLite only once its slot is won.
func (p *preflight) uploadAndSeal(ctx context.Context, w *objectlog.Writer, end objectlog.End) error {
	st := p.cfg.Store
	if tail := st.Tail(); tail.Revision > end.Last.Revision {
		p.log.Info("uploading local records beyond the object log", "event", "preflight_upload", "from", end.Last.Revision+1, "to", tail.Revision)
		if err := p.upload(ctx, w, tail.Revision); err != nil {
			return err
		}
	}
	prev, err := st.KeyState(ctx, []byte(record.EpochStartKey))
	if err != nil {
		return err
	}
	seal := record.EpochStart(w.Next(), p.cfg.Epoch, p.cfg.Self.NodeID, prev, time.Now())
	chunk, err := appendWithin(ctx, p.cfg.SlotTimeout, w, []record.Record{seal})
	if err != nil {
		return err
	}
	if err := st.Append(ctx, []record.Record{seal}); err != nil {
		return err
	}
	st.SetLogged(chunk.First, chunk.Last)
	p.log.Info("sealed the object log", "event", "preflight_sealed", "revision", seal.Revision, "epoch", p.cfg.Epoch)
	return nil
}

func (p *preflight) upload(ctx context.Context, w *objectlog.Writer, to record.Revision) error {
	chunks := objectlog.NewCutter(objectlog.ChunkThreshold, func(recs []record.Record) error {
		chunk, err := appendWithin(ctx, uploadPatience*p.cfg.SlotTimeout, w, recs)
		if err == nil {
			p.cfg.Store.SetLogged(chunk.First, chunk.Last)
		}
		return err
	})
	err := p.cfg.Store.Records(ctx, w.Next(), to, func(r *record.Record) error { return chunks.Add(*r) })
	if err != nil {
		return err
	}
	return chunks.Close()
}
