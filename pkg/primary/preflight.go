package primary

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/hashicorp/go-hclog"

	"github.com/netsy-io/netsy/pkg/loading"
	"github.com/netsy-io/netsy/pkg/logevent"
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
		p.log.Info("adopting a chunk of an older reign", "event", logevent.PreflightAdopt, "key", lost.Key, "epoch", lost.Winner.Epoch)
	}
}

// catchUp lays the object log over the local copy: the log wins.
func (p *preflight) catchUp(ctx context.Context) (objectlog.End, error) {
	end, err := loading.CatchUp(ctx, loading.Config{
		Store: p.cfg.Store, Log: p.cfg.Log, Snapshots: p.cfg.Snapshots, Limit: p.cfg.Epoch, Logger: p.log, Metrics: p.cfg.LoadMetrics,
	})
	var later *loading.HigherEpochError
	if errors.As(err, &later) {
		err = &HigherEpochError{Own: p.cfg.Epoch, Seen: later.Seen, Where: later.Key}
	}
	return end, err
}

// uploadAndSeal sends the local records that the log lacks, with their own epochs,
// and then wins the slot that no older Primary can pass. The epoch start enters
// SQLite only once its slot is won.
func (p *preflight) uploadAndSeal(ctx context.Context, w *objectlog.Writer, end objectlog.End) error {
	st := p.cfg.Store
	if tail := st.Tail(); tail.Revision > end.Last.Revision {
		if err := p.mayUpload(ctx, end); err != nil {
			return err
		}
		p.log.Info("uploading local records beyond the object log", "event", logevent.PreflightUpload, "from", end.Last.Revision+1, "to", tail.Revision)
		if err := p.upload(ctx, w, tail.Revision); err != nil {
			return err
		}
	}
	prev, err := st.LastEpochStart(ctx)
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
	p.log.Info("sealed the object log", "event", logevent.PreflightSealed, "revision", seal.Revision, "epoch", p.cfg.Epoch)
	return nil
}

// mayUpload refuses a copy that goes beyond the history that the cluster began with, before
// any reign: nothing of this cluster can. It is of one that was restored to an earlier
// point, under the same name, and what it has was to go.
func (p *preflight) mayUpload(ctx context.Context, end objectlog.End) error {
	if end.Chunk.Key != "" {
		return nil // a reign has sealed the log
	}
	t, err := readTerms(ctx, p.cfg)
	if err == nil && t.Origin > 0 && end.Last.Revision == t.Origin {
		err = &BeyondOriginError{Origin: end.Last, Tail: p.cfg.Store.Tail()}
	}
	return err
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
