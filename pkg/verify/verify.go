// Package verify reads a whole bucket and says whether it is sound: each document, each
// file, the chain of chunks, and each snapshot against the one before it and the chunks
// between. It changes nothing. DESIGN.md tells what is held against what, and why.
package verify

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/hashicorp/go-hclog"

	"github.com/netsy-io/netsy/pkg/bucket"
	"github.com/netsy-io/netsy/pkg/logevent"
	"github.com/netsy-io/netsy/pkg/objectstore"
	"github.com/netsy-io/netsy/pkg/record"
	"github.com/netsy-io/netsy/pkg/snapshot"
)

// Options of Run. Store is needed.
type Options struct {
	Store     objectstore.Store
	ClusterID string         // that the documents must be of; "": what cluster.json says
	Logger    hclog.Logger   // nil = none
	Progress  func(Progress) // nil = nobody is told
}

// Progress says how far Run is.
type Progress struct {
	Phase     string `json:"phase"`
	Objects   int    `json:"objects"`
	OfObjects int    `json:"of_objects"`
	Bytes     int64  `json:"bytes"`
	OfBytes   int64  `json:"of_bytes"`
}

// ErrMoving: the compactor replaced what was being read each time it was tried. The report
// is of the last try: what it finds wrong may only have been replaced meanwhile.
var ErrMoving = errors.New("snapshots keep changing while they are verified: verify again, or while no compactor runs")

// attempts bounds how often reading begins anew because snapshots came or went meanwhile.
// Compactors work minutes apart: more in a row mean that reading takes longer than that.
const attempts = 4

// Run verifies. It may run while the cluster is at work: what is written meanwhile isn't
// looked at. Without an error the report is what was found, whatever that is; an error
// means that the bucket couldn't be read.
//
// Memory holds, for each key of the store that exists, some numbers, two or three times.
func Run(ctx context.Context, o Options) (Report, error) {
	if o.Logger == nil {
		o.Logger = hclog.NewNullLogger()
	}
	if o.Progress == nil {
		o.Progress = func(Progress) {}
	}
	v := &verifier{o: o, snapshots: snapshot.New(o.Store, snapshot.Options{Logger: o.Logger})}
	for n := 1; ; n++ {
		r, moved, err := v.try(ctx)
		switch {
		case err != nil:
			return r, err
		case !moved || r.Count(Error)+r.Count(Warning) == 0:
			return r, nil
		case n == attempts:
			return r, ErrMoving
		}
		o.Logger.Info("snapshots came or went while they were read, beginning anew", "event", logevent.VerifyAgain, "attempt", n)
	}
}

type verifier struct {
	o         Options
	snapshots *snapshot.Store
}

// try reads everything once. moved says that snapshots came or went meanwhile: what seems
// wrong may have been replaced.
func (v *verifier) try(ctx context.Context) (r Report, moved bool, err error) {
	r = Report{Findings: []Finding{}}
	docs, err := v.readDocuments(ctx)
	if err != nil {
		return r, false, err
	}
	contents, err := bucket.List(ctx, v.o.Store)
	if err != nil {
		return r, false, fmt.Errorf("verify: listing: %w", err)
	}
	h, err := v.history(ctx, contents, docs)
	if err != nil {
		return r, false, err
	}
	// What only grows is read again, so that it is not older than what it is held against.
	later, err := v.readDocuments(ctx)
	if err != nil {
		return r, false, err
	}
	now, err := bucket.Snapshots(ctx, v.o.Store)
	if err != nil {
		return r, false, fmt.Errorf("verify: listing: %w", err)
	}
	r = h.report
	r.ClusterID = docs.clusterID
	r.Totals.Objects, r.Totals.Bytes = contents.Objects, contents.Bytes
	judgeDocuments(&r, docs, later, &contents, h)
	judgeForeign(&r, &contents)
	slices.SortStableFunc(r.Findings, func(a, b Finding) int { return a.Severity.rank() - b.Severity.rank() })
	same := slices.EqualFunc(now, contents.Snapshots, func(a, b bucket.File) bool { return a.Revision == b.Revision && a.Version == b.Version })
	return r, !same, nil
}

func (s Severity) rank() int { return slices.Index([]Severity{Error, Warning, Note}, s) }

// history verifies chunks and snapshots. A snapshot that turns out to be damaged is left
// out, and all is begun anew without it.
func (v *verifier) history(ctx context.Context, c bucket.Contents, docs *documents) (*pass, error) {
	damaged := map[record.Revision]error{}
	for {
		p := newPass(v, c, docs, damaged)
		err := p.run(ctx)
		var bad *badSnapshot
		switch {
		case err == nil:
			return p, nil
		case !errors.As(err, &bad):
			return nil, err
		}
		damaged[bad.rev] = bad.err
	}
}

// badSnapshot: a snapshot can't be used. It ends a pass.
type badSnapshot struct {
	rev record.Revision
	err error
}

func (e *badSnapshot) Error() string { return e.err.Error() }
