package etcdsnap

import (
	"context"
	"time"

	"github.com/netsy-io/netsy/pkg/lease"
	"github.com/netsy-io/netsy/pkg/record"
)

// What imported records say of their origin. Reigns begin at epoch 2.
const (
	Epoch    record.Epoch = 1
	LeaderID              = "import"
)

// Plan says what an import makes of a file.
type Plan struct {
	Revision  record.Revision `json:"etcd_revision"`   // the current one of etcd
	Compacted record.Revision `json:"etcd_compaction"` // of etcd; 0 is never
	Purged    record.Revision `json:"purged_revision"` // history is reduced to the state at it
	Start     record.Revision `json:"start_revision"`  // of the epoch start, the last record
	Gaps      int64           `json:"gaps"`            // above Compacted; Purged is above the last of them
	Entries   int64           `json:"etcd_entries"`    // in the file
	Auth      bool            `json:"etcd_auth"`       // etcd's users and roles were in force; they aren't taken over
}

// Summary says what was converted.
type Summary struct {
	Plan
	Records          int64 `json:"records"`
	Keys             int64 `json:"keys"`               // that live at the end
	Leases           int64 `json:"leases"`             // with a new id each
	KeysWithoutLease int64 `json:"keys_without_lease"` // living ones, whose lease etcd doesn't know any more
}

// Options of a conversion. Now is required.
type Options struct {
	Now      time.Time
	Progress func(records, of int64) // nil is nobody
}

// Plan looks where the history begins and ends.
func (f *File) Plan(ctx context.Context) (Plan, error) {
	m, err := f.readFacts()
	if err != nil {
		return Plan{}, err
	}
	s := newSpan(m.compacted())
	p := Plan{Compacted: m.compacted(), Auth: m.authEnabled}
	err = f.places(ctx, func(at place, filler bool) { p.Entries++; s.add(at, filler) })
	p.Revision, p.Purged, p.Start, p.Gaps = s.last, s.floor, s.last+1, s.gaps
	return p, err
}

// Convert passes all records of Netsy's history to emit, in order, the epoch start last.
// Memory: by the number of keys and leases.
func (f *File) Convert(ctx context.Context, plan Plan, o Options, emit func(*record.Record) error) (Summary, error) {
	leases, err := f.readLeases()
	if err != nil {
		return Summary{}, err
	}
	c := &conversion{
		summary: Summary{Plan: plan}, o: o, emit: emit,
		history: newHistory(plan.Purged), leases: newLeaseMap(leases, lease.NewMinter(o.Now)),
	}
	err = f.entries(ctx, plan.Purged, func(e *entry) error { c.history.settle(e); return nil })
	if err != nil {
		return Summary{}, err
	}
	if err := f.entries(ctx, plan.Revision, c.take); err != nil {
		return Summary{}, err
	}
	return c.end()
}

// conversion is one run over the entries.
type conversion struct {
	summary Summary
	o       Options
	emit    func(*record.Record) error
	history *history
	leases  *leaseMap
	taken   int64
	last    record.Record // passed on last
}

// progressPiece is how many entries pass between two reports.
const progressPiece = 10_000

func (c *conversion) take(e *entry) error {
	if c.taken++; c.o.Progress != nil && c.taken%progressPiece == 0 {
		c.o.Progress(c.taken, c.summary.Entries)
	}
	r, ok, err := c.history.record(e)
	if err != nil || !ok {
		return err
	}
	if r.Lease, err = c.leases.translate(e); err != nil {
		return err
	}
	return c.pass(&r)
}

// pass numbers a record within its revision and passes it on.
func (c *conversion) pass(r *record.Record) error {
	r.Epoch, r.LeaderID = Epoch, LeaderID
	if r.Revision == c.last.Revision {
		r.Sub = c.last.Sub + 1
	}
	if r.Sub > maxSub {
		return unsupported(place{revision: r.Revision}.String(), "more than %d changes in one revision", maxSub)
	}
	c.last.Revision, c.last.Sub = r.Revision, r.Sub
	c.summary.Records++
	return c.emit(r)
}

func (c *conversion) end() (Summary, error) {
	start := record.EpochStart(c.summary.Start, Epoch, LeaderID, record.KeyState{}, c.o.Now)
	if err := c.pass(&start); err != nil {
		return Summary{}, err
	}
	s := c.summary
	s.Keys, s.Leases, s.KeysWithoutLease = int64(len(c.history.living)), c.leases.used(), int64(len(c.leases.orphans))
	return s, nil
}
