// Package loading brings a node's local copy to the end of the object log: from the
// newest snapshot and the chunks behind it, or from the chunks alone that it lacks. The
// log wins: what differs from it is removed.
//
// All of it goes on while compactors work and deposed Primaries may still write.
package loading

import (
	"context"
	"errors"
	"fmt"
	"math"
	"time"

	"github.com/hashicorp/go-hclog"

	"github.com/netsy-io/netsy/pkg/logevent"
	"github.com/netsy-io/netsy/pkg/mvcc"
	"github.com/netsy-io/netsy/pkg/objectlog"
	"github.com/netsy-io/netsy/pkg/record"
	"github.com/netsy-io/netsy/pkg/snapshot"
)

// AnyEpoch is the Limit of who takes the log as it is.
const AnyEpoch = record.Epoch(math.MaxInt64)

// Config says what to load, and from where. All but Logger and Metrics are needed.
type Config struct {
	Store     *mvcc.Store
	Log       *objectlog.Log
	Snapshots *snapshot.Store

	// Limit is the highest epoch that may be met: a Primary that is starting must not
	// adopt anything of a later reign. Beyond it: *HigherEpochError.
	Limit record.Epoch

	Logger  hclog.Logger
	Metrics *Metrics
}

// HigherEpochError says where a later epoch than Config.Limit was met.
type HigherEpochError struct {
	Limit, Seen record.Epoch
	Key         string
}

func (e *HigherEpochError) Error() string {
	return fmt.Sprintf("loading: epoch %d is over: %q is of epoch %d", e.Limit, e.Key, e.Seen)
}

// maxAttempts bounds how often one CatchUp looks where to begin. Each further one takes a
// compactor that was faster, or a damaged snapshot; more in a row are something else.
const maxAttempts = 5

// CatchUp brings the local copy to the end of the object log and returns where that
// is. What it adds counts as committed only once a Primary says so. Only one may work
// on a store at a time, and nobody may append to it meanwhile.
//
// Errors: *HigherEpochError, ErrUnplaced, *objectlog.ChainError, datafile.ErrCorrupt,
// those of the stores. After any of them it can be called again.
func CatchUp(ctx context.Context, cfg Config) (objectlog.End, error) {
	if cfg.Logger == nil {
		cfg.Logger = hclog.NewNullLogger()
	}
	if cfg.Metrics == nil {
		cfg.Metrics = NewMetrics(nil)
	}
	l := &loader{Config: cfg, damaged: map[record.Revision]bool{}}
	defer cfg.Metrics.began()()
	for attempt := 1; ; attempt++ {
		end, err := l.once(ctx)
		if err == nil || attempt == maxAttempts || !worthAnotherLook(err) {
			return end, err
		}
		l.Logger.Info("looking again where to load from", "event", logevent.LoadingAgain, "attempt", attempt, "reason", err)
	}
}

// worthAnotherLook: a compactor made a snapshot or deleted something while the log was
// being read, or a snapshot has to be passed over. A real gap looks the same, and is found
// again.
func worthAnotherLook(err error) bool {
	for _, e := range []error{objectlog.ErrSuperseded, objectlog.ErrGap, errSnapshotGone, errSnapshotDamaged, snapshot.ErrChanged} {
		if errors.Is(err, e) {
			return true
		}
	}
	return false
}

// loader is one CatchUp.
type loader struct {
	Config
	damaged map[record.Revision]bool // snapshots that can't be read
}

// once is one attempt: place the copy, load a snapshot if need be, read the log.
func (l *loader) once(ctx context.Context) (objectlog.End, error) {
	began, tail := time.Now(), l.Store.Tail()
	p, err := l.place(ctx)
	if err != nil {
		return objectlog.End{}, err
	}
	if p.load {
		if err := l.load(ctx, p.after); err != nil {
			return objectlog.End{}, err
		}
	}
	chunks := 0
	end, err := l.Log.Read(ctx, p.after, func(c objectlog.Chunk) error {
		chunks++
		return l.apply(ctx, c)
	})
	if err != nil {
		return end, err
	}
	if end.Last.Revision > 0 { // where nothing was read, it is what the copy was placed by
		l.Store.SetLogged(end.Chunk.First, end.Last)
	}
	// A read that had nothing new to give has still looked at the last chunk.
	if end.HeaderEpoch > l.Limit {
		return end, &HigherEpochError{Limit: l.Limit, Seen: end.HeaderEpoch, Key: end.Chunk.Key}
	}
	l.Logger.Info("caught up with the object log", "event", logevent.CaughtUp, "from", p.after, "to", end.Last.Revision, "snapshot", p.load,
		"chunks", chunks, "local_tail", tail.String(), "seconds", time.Since(began).Seconds())
	return end, nil
}
